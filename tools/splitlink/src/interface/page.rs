//! A source file in the making, of parts that keep their places and parts that have none.

/// A text in the making.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    /// Whether the line has something that floats on it, so that nothing is fixed behind that.
    has_floating: bool,
    /// How many lines of the source are there already, in what floats (in a text over several lines).
    ahead: usize,
}

impl Page {
    /// Leaves the room that `text` takes.
    pub(super) fn blank(&mut self, text: &str) {
        for character in text.chars() {
            if character == '\n' && self.ahead > 0 {
                self.ahead -= 1;
            } else if character == '\n' {
                self.text.truncate(self.text.trim_end_matches(' ').len());
                self.text.push('\n');
                self.has_floating = false;
            } else if !self.has_floating {
                self.text.push(' ');
            }
        }
    }

    /// Puts `token` here; none if it would not be in its place.
    pub(super) fn put(&mut self, token: &str) -> Option<()> {
        if self.has_floating {
            return None;
        }
        self.text += token;
        // Behind a comment the line is the comment's.
        self.has_floating = token.starts_with("//");
        Some(())
    }

    /// Adds `token`, which has no place of its own, behind a space if it is `apart`.
    pub(super) fn float(&mut self, token: &str, apart: bool) {
        if apart && !self.text.is_empty() && !self.text.ends_with(['\n', ' ']) {
            self.text.push(' ');
        }
        self.text += token;
        self.ahead += token.matches('\n').count();
        self.has_floating = true;
    }

    pub(super) fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        self.text
    }
}
