//! Loads the Starlark files of splitlink's rules without a build system. What they load from others
//! is stood in for.

pub mod bazel;
pub mod buck2;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All files under `dir` that are `wanted`.
///
/// # Panics
/// If a folder cannot be listed.
pub fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            found.extend(files(&path, wanted));
        } else if wanted(&path) {
            found.insert(path);
        }
    }
    found
}
