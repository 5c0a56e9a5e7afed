//! Crate identities, and the files of crates by identity.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a crate's files are called: crate name plus rustc's `-Cextra-filename`, that is a file's
/// stem without `lib` (`foo-123` for `libfoo-123.rlib`). It names the crate in a link plan; one
/// rustc run never sees two of the same.
pub fn identity(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = ["rmeta", "rlib", "so"]
        .iter()
        .find_map(|extension| name.strip_suffix(extension)?.strip_suffix('.'))
        .and_then(|stem| stem.strip_prefix("lib"));
    stem.map(str::to_owned).with_context(|| {
        format!(
            "`{}` is not named as a Rust crate's file\n  help: expected lib<crate>.rmeta, lib<crate>.rlib or lib<crate>.so",
            path.display()
        )
    })
}

/// The name of the crate whose identity is `id`: what precedes rustc's extra file name.
pub fn name(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

/// The crates that an action was given, by identity.
pub type CrateFiles = BTreeMap<String, PathBuf>;

/// Sorts `paths` by identity.
///
/// # Errors
/// If two different files are of one identity, or a file is not named as a crate's.
pub fn by_identity(paths: &[PathBuf]) -> Result<CrateFiles> {
    let mut files = CrateFiles::new();
    for path in paths {
        let id = identity(path)?;
        if let Some(other) = files.insert(id.clone(), path.clone())
            && !is_same_file(&other, path)
        {
            bail!(
                "two files were given for the crate `{id}`:\n  {}\n  {}\n  help: is one library in the graph twice, in two configurations?",
                other.display(),
                path.display()
            );
        }
    }
    Ok(files)
}

/// Whether two paths lead to one file: a folder may be given in several ways.
fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// The files in the folders `dirs` that are named as crates' files with one of `extensions`, sorted.
///
/// # Errors
/// If a folder cannot be listed.
pub fn in_folders(dirs: &[PathBuf], extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for dir in dirs {
        let entries = fs::read_dir(dir)
            .with_context(|| format!("cannot list the folder `{}`\n  help: is it among the action's inputs?", dir.display()))?;
        for entry in entries {
            let path = dir.join(entry.with_context(|| format!("cannot list the folder `{}`", dir.display()))?.file_name());
            let is_wanted = path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted));
            if is_wanted && identity(&path).is_ok() && path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities() {
        assert_eq!(identity(Path::new("a/libfoo_bar-12.rlib")).unwrap(), "foo_bar-12");
        assert_eq!(identity(Path::new("libfoo.rmeta")).unwrap(), "foo");
        assert!(identity(Path::new("foo.o")).is_err());
    }

    #[test]
    fn one_file_a_crate() {
        let twice = by_identity(&["a/libfoo-1.rlib".into(), "b/libfoo-1.rlib".into()]);
        let message = twice.unwrap_err().to_string();
        assert!(message.contains("`foo-1`") && message.contains("b/libfoo-1.rlib"), "{message}");
        assert_eq!(by_identity(&["a/libfoo-1.rlib".into(), "a/libfoo-1.rlib".into()]).unwrap().len(), 1);
    }
}
