//! Where the definitions of a crate are that was compiled as an interface: text behind its metadata.
//!
//! rustc reads metadata from its beginning and asks no more of its end than a mark
//! (`rustc_metadata::rmeta::decoder::MetadataBlob::new`, 1.95). So there is room before a second
//! such mark: the definitions as JSON, how long they are, and [`MARK`].
//!
//! They say where the definition is in the interface, and nothing of where it is in the source. So
//! they are the same as long as the interface is.

use crate::files::rlib;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What stands behind definitions; another for another form of them.
const MARK: &[u8] = b"splitlink definitions 1";

/// What rustc's metadata ends in (`rustc_metadata::rmeta::MAGIC_END_BYTES`, 1.95).
const END: &[u8] = b"rust-end-file";

/// How many digits the length has.
const DIGITS: usize = 8;

/// The lines with definitions of each file of a crate.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Definitions(pub BTreeMap<String, Vec<Line>>);

/// A line of an interface with something on it that is elsewhere in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number, from 1.
    #[serde(rename = "l")]
    pub line: usize,
    /// In which column that begins, in characters, from 0. What is before it is in its place.
    #[serde(rename = "c")]
    pub column: usize,
    /// The definitions there, in order.
    #[serde(rename = "d")]
    pub definitions: Vec<Definition>,
}

/// A function's signature, a field, or the like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Definition {
    /// The column in which it begins, as of [`Line::column`].
    #[serde(rename = "c")]
    pub column: usize,
    /// It.
    #[serde(rename = "t")]
    pub text: String,
}

impl Definitions {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of the files under other names: the last of `renamings` that fits a path says what stands
    /// for its beginning (`rustc_span::source_map::FilePathMapping::map_prefix`, 1.95).
    pub fn renamed(&self, renamings: &[(&str, &str)]) -> Self {
        let renamed = |file: &str| {
            let path = Path::new(file);
            let found = renamings.iter().rev().find_map(|(from, to)| Some((to, path.strip_prefix(from).ok()?)));
            found.map_or(file.to_owned(), |(to, rest)| {
                let name = if rest.as_os_str().is_empty() { to.into() } else { Path::new(to).join(rest) };
                name.to_string_lossy().into_owned()
            })
        };
        Self(self.0.iter().map(|(file, lines)| (renamed(file), lines.clone())).collect())
    }

    /// The line of `file` if the place there is one of the interface alone.
    pub fn find(&self, file: &str, line: usize, column: usize) -> Option<&Line> {
        let lines = self.0.get(file)?;
        let found = &lines[lines.binary_search_by_key(&line, |found| found.line).ok()?];
        (found.column <= column).then_some(found)
    }

    /// What is to follow a crate's metadata.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("texts and numbers are JSON");
        bytes.extend(format!("{:0DIGITS$x}", bytes.len()).into_bytes());
        bytes.extend([MARK, END].concat());
        bytes
    }

    /// Those behind the metadata in the file `path`, an `.rmeta` or an rlib; none if there are none
    /// that are understood.
    pub fn read(path: &Path) -> Option<Self> {
        let behind = DIGITS + MARK.len() + END.len();
        let end = rlib::end_of_metadata(path, behind as u64).ok()?;
        let digits = end.strip_suffix(END)?.strip_suffix(MARK)?;
        let length = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        let all = rlib::end_of_metadata(path, (length + behind) as u64).ok()?;
        serde_json::from_slice(&all[..length]).ok()
    }
}

impl Line {
    /// The definition in which a column is.
    pub fn definition(&self, column: usize) -> Option<&Definition> {
        let behind = self.definitions.partition_point(|definition| definition.column <= column);
        self.definitions[..behind].last().filter(|definition| column < definition.column + definition.text.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_have_other_names() {
        for (renamings, expected) in [
            (vec![], "a/src/b.rs"),
            (vec![("a", "x"), ("a/src", "y")], "y/b.rs"),
            (vec![("a/src", "y/"), ("a/", "x")], "x/src/b.rs"),
            (vec![("a/sr", "y"), ("src", "y")], "a/src/b.rs"),
            (vec![("", "/x")], "/x/a/src/b.rs"),
            (vec![("a", "")], "src/b.rs"),
            (vec![("a/src/b.rs", "c.rs")], "c.rs"),
        ] {
            let definitions = Definitions(BTreeMap::from([("a/src/b.rs".to_owned(), Vec::new())]));
            assert_eq!(definitions.renamed(&renamings).0.keys().collect::<Vec<_>>(), [expected], "{renamings:?}");
        }
    }

    #[test]
    fn behind_metadata() {
        let text = |column: usize, text: &str| Definition { column, text: text.to_owned() };
        let line = Line { line: 3, column: 4, definitions: vec![text(4, "pub struct Ä"), text(20, "fn f()")] };
        let definitions = Definitions(BTreeMap::from([("src/a.rs".to_owned(), vec![line.clone()])]));
        let at = |file: &str, line: usize, column: usize| {
            definitions.find(file, line, column).map(|line| line.definition(column).map_or("", |definition| &definition.text))
        };
        let table = [
            ("src/a.rs", 3, 3, None),
            ("src/a.rs", 3, 4, Some("pub struct Ä")),
            ("src/a.rs", 3, 15, Some("pub struct Ä")),
            ("src/a.rs", 3, 16, Some("")),
            ("src/a.rs", 3, 25, Some("fn f()")),
            ("src/a.rs", 3, 26, Some("")),
            ("src/a.rs", 2, 5, None),
            ("a.rs", 3, 5, None),
        ];
        for (file, line, column, expected) in table {
            assert_eq!(at(file, line, column), expected, "{file}:{line}:{column}");
        }

        let dir = std::env::temp_dir().join(format!("splitlink-definitions-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let metadata = [b"rust\0\0\0\x0a".as_slice(), END].concat();
        let bytes = definitions.to_bytes();
        let read = |metadata: &[u8]| {
            let (rmeta, hollow) = (dir.join("liba.rmeta"), dir.join("liba.rlib"));
            fs::write(&rmeta, metadata).unwrap();
            rlib::write_hollow(&rmeta, &hollow).unwrap();
            let read = Definitions::read(&rmeta);
            assert_eq!(Definitions::read(&hollow), read);
            read
        };
        assert_eq!(read(&[&metadata[..], &bytes].concat()), Some(definitions.clone()));
        let damaged = |old: &str, new: &str| [&metadata[..], String::from_utf8_lossy(&bytes).replacen(old, new, 1).as_bytes()].concat();
        let length = format!("{:08x}", bytes.len() - DIGITS - MARK.len() - END.len());
        for other in [
            metadata.clone(),
            damaged("{", "["),
            damaged(&length, "7fffffff"),
            damaged(&length, "0000000x"),
            damaged("s 1", "s 2"),
            Vec::new(),
        ] {
            assert_eq!(read(&other), None, "{}", other.escape_ascii());
        }
        assert_eq!(Definitions::read(&dir.join("absent.rmeta")), None);
        fs::remove_dir_all(dir).unwrap();
    }
}
