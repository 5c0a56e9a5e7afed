//! An interface that the last build of a crate has left. It is used again while nothing that it was
//! made of has changed, and nobody has touched it: most crates that are compiled after an edit are
//! compiled because of what is below them.

use super::tree::Tree;
use crate::files::definitions::Definitions;
use crate::files::listing::list;
use crate::files::scratch::write_own;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use twox_hash::XxHash3_128;

/// What a tree was made of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    root: PathBuf,
    /// The conditions that hold, and the names of other crates.
    names: [BTreeSet<String>; 2],
    is_reduced: bool,
    /// The contents of each file that was read.
    files: BTreeMap<PathBuf, String>,
    /// What is in each folder above them: where modules are follows from it, and what is linked.
    folders: BTreeMap<PathBuf, String>,
    /// What was made.
    made: String,
    definitions: Definitions,
}

impl Record {
    fn new<'a>(tree: &Tree, root: &Path, names: [&BTreeSet<String>; 2], files: impl Iterator<Item = &'a PathBuf> + Clone) -> Option<Self> {
        let folders: BTreeSet<&Path> = files.clone().flat_map(|file| file.ancestors().skip(1)).collect();
        Some(Self {
            root: root.to_owned(),
            names: names.map(Clone::clone),
            is_reduced: tree.is_reduced,
            files: files.map(|file| Some((file.clone(), digest(&fs::read(file).ok()?)))).collect::<Option<_>>()?,
            folders: folders.into_iter().map(|folder| Some((folder.to_owned(), names_in(folder)?))).collect::<Option<_>>()?,
            made: digest(list(&tree.folder).as_bytes()),
            definitions: tree.definitions.clone(),
        })
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("{:032x}", XxHash3_128::oneshot(bytes))
}

fn names_in(folder: &Path) -> Option<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut names: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name().into_encoded_bytes()).collect();
    names.sort();
    Some(digest(&names.join(&b'/')))
}

fn record_of(folder: &Path) -> PathBuf {
    folder.with_extension("json")
}

/// Writes down what `tree` was made of. Without that it is made again.
pub(super) fn write(tree: &Tree, root: &Path, names: [&BTreeSet<String>; 2]) {
    if let Some(text) = Record::new(tree, root, names, tree.files.iter()).and_then(|record| serde_json::to_string(&record).ok()) {
        let _ = write_own(&record_of(&tree.folder), &text);
    }
}

/// The tree in `folder`, if what would be made now is the same.
pub(super) fn find(folder: &Path, root: &Path, names: [&BTreeSet<String>; 2]) -> Option<Tree> {
    let record: Record = serde_json::from_str(&fs::read_to_string(record_of(folder)).ok()?).ok()?;
    let files = record.files.keys().cloned().collect();
    let tree = Tree {
        root: folder.join(root),
        folder: folder.to_owned(),
        is_reduced: record.is_reduced,
        files,
        definitions: record.definitions.clone(),
    };
    let is_same = Record::new(&tree, root, names, tree.files.iter())? == record;
    is_same.then_some(tree)
}
