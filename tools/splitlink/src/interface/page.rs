//! A source file in the making, of parts that keep their places and parts that have none.

use crate::files::definitions::{Definition, Line};

/// A text in the making.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    /// Whether the line has something that floats on it, so that nothing is fixed behind that.
    has_floating: bool,
    /// How many lines of the source are there already, in what floats (in a text over several lines).
    ahead: usize,
    /// How many lines are done, and how many characters the last one has.
    end: (usize, usize),
    /// Where what floats is.
    lines: Vec<Line>,
    /// Of which definition of the source the last of them is.
    last: Option<usize>,
}

impl Page {
    /// Leaves the room that `text` takes.
    pub(super) fn blank(&mut self, text: &str) {
        for character in text.chars() {
            if character == '\n' && self.ahead > 0 {
                self.ahead -= 1;
            } else if character == '\n' {
                self.text.truncate(self.text.trim_end_matches(' ').len());
                self.push("\n");
                self.has_floating = false;
            } else if !self.has_floating {
                self.push(" ");
            }
        }
    }

    /// Puts `token` here; none if it would not be in its place.
    pub(super) fn put(&mut self, token: &str) -> Option<()> {
        if self.has_floating {
            return None;
        }
        self.push(token);
        // Behind a comment the line is the comment's.
        self.has_floating = token.starts_with("//");
        Some(())
    }

    /// Adds `token`, which has no place of its own, behind a space if it is `apart`; one of the
    /// definition `of`.
    pub(super) fn float(&mut self, token: &str, apart: bool, of: Option<usize>) {
        let is_apart = apart && !self.text.is_empty() && !self.text.ends_with(['\n', ' ']);
        if is_apart {
            self.push(" ");
        }
        self.take_note(token, is_apart, of);
        self.push(token);
        self.ahead += token.matches('\n').count();
        self.has_floating = true;
    }

    fn take_note(&mut self, token: &str, is_apart: bool, of: Option<usize>) {
        let (done, column) = self.end;
        for (index, text) in token.split('\n').enumerate() {
            let (line, column) = (done + index + 1, if index == 0 { column } else { 0 });
            let is_same = self.last == of && index == 0;
            if self.lines.last().is_none_or(|last| last.line != line) {
                self.lines.push(Line { line, column, definitions: Vec::new() });
                self.last = None;
            }
            self.last = of.filter(|_| index == 0);
            let definitions = &mut self.lines.last_mut().expect("one was added").definitions;
            match definitions.last_mut() {
                _ if self.last.is_none() => {}
                Some(last) if is_same => {
                    last.text.extend(is_apart.then_some(' '));
                    last.text += text;
                }
                _ => definitions.push(Definition { column, text: text.to_owned() }),
            }
        }
    }

    fn push(&mut self, text: &str) {
        self.text += text;
        let (lines, last) = text.rsplit_once('\n').map_or((0, text), |(before, last)| (before.matches('\n').count() + 1, last));
        let length = last.chars().count();
        self.end = if lines > 0 { (self.end.0 + lines, length) } else { (self.end.0, self.end.1 + length) };
    }

    /// The text, and where what floats is in it.
    pub(super) fn finish(mut self) -> (String, Vec<Line>) {
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        (self.text, self.lines)
    }
}
