//! rustc's messages about definitions in other crates that were compiled as interfaces.
//!
//! For rustc such a definition is in a line of the interface. No file has that line, or another has
//! that number. So the message says that it is the interface's, and shows the definition:
//!
//! ```text
//! note: function defined here                 note: function defined here
//!  --> src/dep.rs:1:235                        --> src/dep.rs (its interface)
//!                                               |
//!                                               | pub fn old(a: u32) -> u32
//!                                               |        ^^^
//! ```
//!
//! Metadata is looked into only if there is a message about a file that rustc does not find, or finds
//! with other contents.

use crate::files::crates;
use crate::files::definitions::{Definition, Definitions};
use crate::rustc::args::RustcArgs;
use crate::rustc::diagnostics::{self, Until, Watcher};
use anyhow::Result;
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// Does what [`diagnostics::run_command`] does, with messages about interfaces as they should be.
///
/// # Errors
/// As of that.
pub(crate) fn run_command(command: Command, args: RustcArgs, until: Until, watcher: Watcher<'_>) -> Result<()> {
    let interfaces = Interfaces::of(&args);
    diagnostics::run_command(command, args, until, Watcher { amend: Some(Box::new(move |message| interfaces.amend(message))), ..watcher })
}

/// The interfaces on which a crate may depend.
struct Interfaces {
    /// The files of the crates, by identity.
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// The definitions of each, with the names of the crates that have the same.
    found: OnceCell<Vec<(String, Definitions)>>,
}

/// A place in an interface, or in each of several: which is meant is not to be told.
#[derive(Debug, PartialEq)]
struct Place {
    file: String,
    line: usize,
    /// The columns, from 0: the first, and the one behind the last.
    columns: (usize, usize),
    is_primary: bool,
    label: Option<String>,
    /// The definition in each crate, by the crate's name.
    definitions: Vec<(String, Option<Definition>)>,
}

impl Interfaces {
    /// Those of the crates that `args` tell rustc of.
    fn of(args: &RustcArgs) -> Self {
        let named = args.values("extern").filter_map(|value| Some(PathBuf::from(value.split_once('=')?.1)));
        let folders = args.library_dirs().filter(|(kind, _)| matches!(*kind, "dependency" | "crate" | "all"));
        Self { files: named.collect(), folders: folders.map(|(_, dir)| dir.into()).collect(), found: OnceCell::new() }
    }

    fn found(&self) -> &[(String, Definitions)] {
        self.found.get_or_init(|| {
            let in_folders = ["rmeta", "rlib"].map(|extension| crates::in_folders(&self.folders, &[extension]).unwrap_or_default());
            let files: BTreeSet<_> = self.files.iter().chain(in_folders.iter().flatten()).collect();
            let mut found = Vec::<(String, Definitions)>::new();
            for file in files {
                let (Ok(id), Some(definitions)) = (crates::identity(file), Definitions::read(file)) else { continue };
                let name = crates::name(&id);
                if !found.iter().any(|(other, same)| other == name && *same == definitions) {
                    found.push((name.to_owned(), definitions));
                }
            }
            found
        })
    }

    /// Changes `message`, one of rustc's as JSON, where it names lines of interfaces. Returns whether
    /// it did.
    fn amend(&self, message: &mut Value) -> bool {
        let mut groups = vec![self.take(message)];
        let children = message["children"].as_array_mut();
        groups.extend(children.into_iter().flatten().map(|child| {
            let places = self.take(child);
            if let (Some(text), false) = (child["message"].as_str(), places.is_empty()) {
                let mut told: Vec<_> = places.iter().map(Place::for_tools).collect();
                told.dedup();
                child["message"] = format!("{text}: {}", told.join("; ")).into();
            }
            places
        }));
        if groups.iter().all(Vec::is_empty) {
            return false;
        }
        let notes = groups[0].iter().map(
            |place| json!({"message": place.for_tools(), "code": null, "level": "note", "spans": [], "children": [], "rendered": null}),
        );
        let notes: Vec<_> = notes.collect();
        if let Some(children) = message["children"].as_array_mut() {
            children.splice(..0, notes);
        }
        if let Some(rendered) = message["rendered"].as_str() {
            message["rendered"] = rewritten(rendered, &groups).into();
        }
        true
    }

    /// Takes the spans out of `message`, or a child of one, that are in interfaces.
    fn take(&self, message: &mut Value) -> Vec<Place> {
        let Some(spans) = message["spans"].as_array_mut() else { return Vec::new() };
        let mut places = Vec::new();
        spans.retain(|span| {
            let place = self.place(span);
            let stays = place.is_none();
            places.extend(place);
            stays
        });
        places
    }

    /// The place that `span` is in interfaces; none if it is one of a real file.
    fn place(&self, span: &Value) -> Option<Place> {
        // rustc shows what it has.
        if !span["text"].as_array()?.is_empty() {
            return None;
        }
        let number = |name: &str| usize::try_from(span[name].as_u64()?).ok();
        let (file, line) = (span["file_name"].as_str()?, number("line_start")?);
        let (start, end) = (number("column_start")?.checked_sub(1)?, number("column_end")?.saturating_sub(1));
        let end = if number("line_end") == Some(line) { end } else { usize::MAX };
        let there = self.found().iter().filter_map(|(name, definitions)| Some((name, definitions.find(file, line, start)?)));
        let mut there: Vec<_> = there.map(|(name, line)| (name.clone(), line.definition(start).cloned())).collect();
        let is_likely = |(_, definition): &(String, Option<Definition>)| {
            definition.as_ref().is_some_and(|definition| has_words(definition, start, end))
        };
        if there.iter().any(is_likely) {
            there.retain(is_likely);
        }
        (!there.is_empty()).then(|| Place {
            file: file.to_owned(),
            line,
            columns: (start, end),
            is_primary: span["is_primary"] == true,
            label: span["label"].as_str().filter(|label| !label.is_empty()).map(str::to_owned),
            definitions: there,
        })
    }
}

/// Whether what is in `definition` from one column to another begins and ends as words do.
fn has_words(definition: &Definition, start: usize, end: usize) -> bool {
    let text: Vec<char> = definition.text.chars().collect();
    let is_word = |at: usize| text.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let is_end = |at: usize| at == 0 || !(is_word(at - 1) && is_word(at));
    let (start, end) = (start - definition.column, end.saturating_sub(definition.column).min(text.len()));
    is_end(start) && is_end(end) && text.get(start).is_some_and(|c| !c.is_whitespace())
}

impl Place {
    /// What stands for line and column.
    fn name(&self) -> String {
        match self.definitions.as_slice() {
            [_] => format!("{} (its interface)", self.file),
            several => {
                let names: Vec<_> = several.iter().map(|(name, _)| format!("`{name}`")).collect();
                format!("{} (the interface of {})", self.file, names.join(" or of "))
            }
        }
    }

    /// The whole place in one line, with what rustc says of it.
    fn for_tools(&self) -> String {
        let texts: Vec<_> = self.definitions.iter().filter_map(|(_, found)| Some(format!("`{}`", found.as_ref()?.text))).collect();
        let label = self.label.as_ref().map_or(String::new(), |label| format!("{label}: "));
        let text = if texts.is_empty() { String::new() } else { format!("{} in ", texts.join(" or ")) };
        format!("{label}{text}{}", self.name())
    }
}

/// What rustc has written for people, with the places of `groups` (those of the message itself, and of
/// each part of it) named and shown as they should be.
fn rewritten(rendered: &str, groups: &[Vec<Place>]) -> String {
    let mut text = String::new();
    let mut groups = groups.iter();
    let mut group: &[Place] = &[];
    for raw in rendered.split_inclusive('\n') {
        let line = raw.trim_end_matches('\n');
        let plain = without_colours(line);
        let mut found = named_in(&plain, group);
        if found.is_none() {
            // Parts come in their order, and each has its places together.
            let mut later = groups.clone();
            if let Some(next) = later.find(|places| named_in(&plain, places).is_some()) {
                (group, groups) = (next, later);
                found = named_in(&plain, group);
            }
        }
        let Some((named, place)) = found else {
            text += raw;
            continue;
        };
        text += &raw.replacen(&named, &place.name(), 1);
        // In one line (`--error-format=short`) there is nothing to show.
        if plain.ends_with(&named) {
            text += &shown(line, &plain, place, group);
        }
    }
    text
}

/// The place among `places` that the line `plain` names, and how: by the first or any other column of
/// those in that line, and where rustc has no text, from 0 (`rustc_errors::emitter`, 1.95).
fn named_in<'p>(plain: &str, places: &'p [Place]) -> Option<(String, &'p Place)> {
    places.iter().find_map(|place| {
        let start = format!("{}:{}:", place.file, place.line);
        let at = plain.find(&start).filter(|at| *at == 0 || plain[..*at].ends_with(' '))?;
        if plain[..at].chars().any(char::is_alphanumeric) {
            return None;
        }
        let rest = &plain[at + start.len()..];
        let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
        let column: usize = digits.parse().ok()?;
        let is_one = |other: &Place| {
            (other.file == place.file && other.line == place.line) && [column, column.wrapping_sub(1)].contains(&other.columns.0)
        };
        places.iter().any(is_one).then(|| (format!("{start}{digits}"), place))
    })
}

/// The definitions of those of `group` that are in the line of `place`, each marked, below the line
/// `raw` of rustc's that names it, which is `plain` without colours.
fn shown(raw: &str, plain: &str, place: &Place, group: &[Place]) -> String {
    let mut marks: BTreeMap<(&String, &Definition), Vec<char>> = BTreeMap::new();
    for other in group.iter().filter(|other| other.file == place.file && other.line == place.line) {
        for (name, definition) in &other.definitions {
            let Some(definition) = definition else { continue };
            let length = definition.text.chars().count();
            let marks = marks.entry((name, definition)).or_insert_with(|| vec![' '; length]);
            let (start, end) = (other.columns.0 - definition.column, other.columns.1.saturating_sub(definition.column).min(length));
            let mark = if other.is_primary { '^' } else { '-' };
            marks[start..end.max(start + 1).min(length)].iter_mut().filter(|old| **old != '^').for_each(|old| *old = mark);
        }
    }
    // The bar is where rustc has it: below an arrow of one character, else beside it.
    let is_ascii = plain.trim_start().starts_with(|c: char| c.is_ascii());
    let bar = if is_ascii { '|' } else { '│' };
    let width = plain.chars().take_while(|c| *c == ' ').count() + usize::from(is_ascii);
    let colour = colours_before_text(raw);
    let reset = if colour.is_empty() { "" } else { "\u{1b}[0m" };
    let line = |text: &str| format!("{colour}{:width$}{bar}{reset}{text}\n", "");
    let mut text = String::new();
    for ((_, definition), marks) in marks {
        if text.is_empty() {
            text += &line("");
        }
        let marks: String = marks.into_iter().collect();
        text += &line(&format!(" {}", definition.text));
        text += &line(&format!(" {colour}{}{reset}", marks.trim_end()));
    }
    text
}

/// The codes for colours with which `raw` begins.
fn colours_before_text(raw: &str) -> String {
    let mut codes = String::new();
    let mut rest = raw.trim_start_matches(' ');
    while let Some(code) = colour_code(rest) {
        codes += code;
        rest = rest[code.len()..].trim_start_matches(' ');
    }
    codes
}

/// The code for a colour at the beginning of `text`.
fn colour_code(text: &str) -> Option<&str> {
    let end = text.strip_prefix("\u{1b}[")?.find('m')?;
    Some(&text[..end + 3])
}

fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        plain += &rest[..at];
        rest = &rest[at + colour_code(&rest[at..]).map_or(1, str::len)..];
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::definitions::Line;

    fn definitions(file: &str, texts: &[(usize, &str)]) -> Definitions {
        let definitions = texts.iter().map(|&(column, text)| Definition { column, text: text.to_owned() }).collect();
        Definitions(BTreeMap::from([(file.to_owned(), vec![Line { line: 1, column: 4, definitions }])]))
    }

    fn of(crates: &[(&str, Definitions)]) -> Interfaces {
        let found: Vec<_> = crates.iter().map(|(name, definitions)| ((*name).to_owned(), definitions.clone())).collect();
        Interfaces { files: Vec::new(), folders: Vec::new(), found: OnceCell::from(found) }
    }

    /// A place without text, in columns from 1.
    fn span(columns: (usize, usize), is_primary: bool) -> Value {
        json!({"file_name": "a.rs", "line_start": 1, "line_end": 1, "column_start": columns.0, "column_end": columns.1, "is_primary": is_primary, "text": []})
    }

    fn message(spans: &[Value], rendered: &str) -> Value {
        let child = json!({"message": "defined here", "level": "note", "spans": spans, "children": [], "rendered": null});
        json!({"message": "wrong", "level": "error", "spans": [], "children": [child], "rendered": rendered})
    }

    fn amended(crates: &[(&str, Definitions)], spans: &[Value], rendered: &str) -> String {
        let mut message = message(spans, rendered);
        let is_amended = of(crates).amend(&mut message);
        let rest = message["children"][0]["spans"].as_array().unwrap().len();
        assert_eq!(is_amended, rest < spans.len());
        message["rendered"].as_str().unwrap().to_owned()
    }

    #[test]
    fn each_form_of_a_place() {
        let one = [("a", definitions("a.rs", &[(4, "pub fn f(x: u8)")]))];
        let several = [span((12, 13), true), span((14, 19), false)];
        for (rendered, expected) in [
            ("note: f\n --> a.rs:1:11\nhelp\n", "note: f\n --> a.rs (its interface)\n  |\n  | pub fn f(x: u8)\n  |        ^ -----\nhelp\n"),
            // From 1, of another of the places, and before a note of rustc's about it.
            (
                "   ::: a.rs:1:14\n    |\n    = note: x\n",
                "   ::: a.rs (its interface)\n    |\n    | pub fn f(x: u8)\n    |        ^ -----\n    |\n    = note: x\n",
            ),
            ("  ─▸ a.rs:1:11\n", "  ─▸ a.rs (its interface)\n  │\n  │ pub fn f(x: u8)\n"),
            (
                "\u{1b}[1m\u{1b}[94m --> \u{1b}[0ma.rs:1:11\n",
                "\u{1b}[1m\u{1b}[94m --> \u{1b}[0ma.rs (its interface)\n\u{1b}[1m\u{1b}[94m  |\u{1b}[0m\n",
            ),
            ("a.rs:1:12: error: wrong\n", "a.rs (its interface): error: wrong\n"),
            // What is only like it.
            (" --> aa.rs:1:11\n", " --> aa.rs:1:11\n"),
            (" --> a.rs:11:11\n", " --> a.rs:11:11\n"),
            (" --> a.rs:1:111\n", " --> a.rs:1:111\n"),
            ("note: a.rs:1:11\n", "note: a.rs:1:11\n"),
        ] {
            let found = amended(&one, &several, rendered);
            assert!(found.starts_with(expected), "{rendered:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_place_in_an_interface() {
        let one = [("a", definitions("a.rs", &[(4, "pub fn f(x: u8)")]))];
        let with = |name: &str, value: Value| {
            let mut span = span((12, 13), true);
            span[name] = value;
            span
        };
        for span in [
            span((4, 5), true),
            with("line_start", 2.into()),
            with("file_name", "b.rs".into()),
            with("text", json!([{"text": "fn f() {}"}])),
        ] {
            let rendered = " --> a.rs:1:3\n";
            assert_eq!(amended(&one, std::slice::from_ref(&span), rendered), rendered, "{span}");
        }
        // Between definitions it is the interface's, with nothing to show.
        assert_eq!(amended(&one, &[span((30, 31), true)], " --> a.rs:1:29\n"), " --> a.rs (its interface)\n");
    }

    #[test]
    fn files_of_one_name() {
        let (f, g) = (definitions("a.rs", &[(4, "pub fn f(x: u8)")]), definitions("a.rs", &[(4, "pub struct Something")]));
        let show = |crates: &[(&str, Definitions)]| amended(crates, &[span((12, 13), true)], " --> a.rs:1:11\n");
        // No word of the other ends there.
        assert_eq!(show(&[("a", f.clone()), ("b", g)]), " --> a.rs (its interface)\n  |\n  | pub fn f(x: u8)\n  |        ^\n");
        let both = " --> a.rs (the interface of `a` or of `b`)\n  |\n  | pub fn f(x: u8)\n  |        ^\n  | pub fn g()\n  |        ^\n";
        assert_eq!(show(&[("a", f), ("b", definitions("a.rs", &[(4, "pub fn g()")]))]), both);
    }

    #[test]
    fn for_tools() {
        let interfaces = of(&[("a", definitions("a.rs", &[(4, "pub fn f(x: u8)")]))]);
        let mut message = message(&[span((12, 13), true), span((14, 15), true), span((30, 31), true)], "");
        let mut labelled = span((8, 10), false);
        labelled["label"] = "private".into();
        message["spans"] = json!([labelled, {"file_name": "b.rs", "text": [{"text": "f()"}]}]);
        assert!(interfaces.amend(&mut message));
        assert_eq!(message["spans"], json!([{"file_name": "b.rs", "text": [{"text": "f()"}]}]));
        let said: Vec<_> = message["children"].as_array().unwrap().iter().map(|child| child["message"].as_str().unwrap()).collect();
        assert_eq!(
            said,
            [
                "private: `pub fn f(x: u8)` in a.rs (its interface)",
                "defined here: `pub fn f(x: u8)` in a.rs (its interface); a.rs (its interface)"
            ]
        );
    }

    #[test]
    fn nothing_is_read_without_need() {
        let args = RustcArgs::parse(vec!["--extern=a=absent/liba.rmeta".to_owned(), "-Ldependency=absent".to_owned()]);
        let interfaces = Interfaces::of(&args);
        let mut own = span((1, 2), true);
        own["text"] = json!([{"text": "f()"}]);
        assert!(!interfaces.amend(&mut message(&[own], "")));
        assert!(interfaces.found.get().is_none());
        assert!(!interfaces.amend(&mut message(&[span((1, 2), true)], "")));
        assert!(interfaces.found.get().is_some());
    }
}
