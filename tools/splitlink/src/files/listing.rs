//! What is in a folder, so that a change of it shows.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The files below `folder`, in order, each with its size, when it was written and its number;
/// links are not followed.
pub(crate) fn list(folder: &Path) -> String {
    fn add(folder: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                add(&entry.path(), files);
            } else {
                files.push(format!("{} {} {}.{:09} {}", entry.path().display(), data.len(), data.mtime(), data.mtime_nsec(), data.ino()));
            }
        }
    }
    let mut files = Vec::new();
    add(folder, &mut files);
    files.sort();
    files.iter().fold(String::new(), |mut text, file| {
        let _ = writeln!(text, "{file}");
        text
    })
}
