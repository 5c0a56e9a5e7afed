//! The capture of rustc's linker call. rustc is told that this very program is the linker, by a link of the linker's own
//! name (rustc infers the linker's flavor from it) and an environment variable that says where to record the call.
//! rustc removes its temporary files when the linker returns, so the call is recorded with copies of them.

use crate::response_file;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable whose value is the folder to record calls in. Where it is set, this program is the linker.
pub const VARIABLE: &str = "SPLITLINK_CAPTURE";

/// One call of the linker.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Invocation {
    /// The arguments, response files expanded.
    pub args: Vec<String>,
    /// rustc's temporary files among them: path in `args` → where its copy is.
    pub saved: BTreeMap<String, PathBuf>,
}

/// Records the call with the arguments `args` as the next one in `dir`.
///
/// # Errors
/// If a file cannot be copied or the record not be written.
pub fn record(dir: &Path, args: Vec<String>) -> Result<()> {
    let args = response_file::expand_linker(args)?;
    let number = fs::read_dir(dir).with_context(|| format!("cannot list `{}`", dir.display()))?.count();
    let files = dir.join(number.to_string());
    fs::create_dir(&files).with_context(|| format!("cannot make `{}`", files.display()))?;
    let mut saved = BTreeMap::new();
    for arg in &args {
        let path = path_in(arg);
        if !is_temporary(path) || saved.contains_key(path) {
            continue;
        }
        if Path::new(path).is_file() {
            saved.insert(path.to_owned(), save(Path::new(path), &files, saved.len())?);
        } else if let Ok(entries) = fs::read_dir(path) {
            // The folder of import libraries that rustc makes for `raw-dylib`.
            for entry in entries {
                let entry = entry?.path();
                saved.insert(entry.to_string_lossy().into_owned(), save(&entry, &files, saved.len())?);
            }
        }
    }
    let record = serde_json::to_vec(&Invocation { args, saved })?;
    let to = files.join("invocation.json");
    fs::write(&to, record).with_context(|| format!("cannot write `{}`", to.display()))
}

/// All calls recorded in `dir`, in order.
///
/// # Errors
/// If a record cannot be read.
pub fn recorded(dir: &Path) -> Result<Vec<Invocation>> {
    let count = fs::read_dir(dir).with_context(|| format!("cannot list `{}`", dir.display()))?.count();
    (0..count)
        .map(|number| {
            let file = dir.join(number.to_string()).join("invocation.json");
            let text = fs::read(&file).with_context(|| format!("cannot read the recorded linker call `{}`", file.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("the recorded linker call `{}` is broken", file.display()))
        })
        .collect()
}

/// The path that a linker argument is or ends in: all of `out/a.o`, the end of `-Wl,--version-script=/x/list`.
pub fn path_in(arg: &str) -> &str {
    if !arg.starts_with('-') {
        return arg;
    }
    arg.rsplit_once(['=', ',']).map_or(arg, |(_, path)| path)
}

/// Whether rustc made the file for this one link: it is in a folder named `rustc` and six letters or digits
/// (`rustc_codegen_ssa::back::link::link_binary`, 1.95), or is a codegen unit's object.
pub fn is_temporary(path: &str) -> bool {
    path.ends_with(".rcgu.o")
        || Path::new(path).iter().any(|name| {
            let rest = name.to_str().and_then(|name| name.strip_prefix("rustc"));
            rest.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
        })
}

fn save(file: &Path, into: &Path, number: usize) -> Result<PathBuf> {
    let copy = into.join(number.to_string());
    // A hard link outlives rustc's own name for the file and copies nothing; rustc's temporary folder may be elsewhere.
    if fs::hard_link(file, &copy).is_err() {
        fs::copy(file, &copy).with_context(|| format!("cannot keep a copy of rustc's `{}`", file.display()))?;
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_files() {
        for yes in ["/t/rustcAb12Cd/symbols.o", "out/rustcM9rDBm/list", "out/m.m.f19-cgu.0.rcgu.o"] {
            assert!(is_temporary(yes), "{yes}");
        }
        for no in ["/usr/lib/rustc/x.o", "bazel-out/librustc_abc.a", "/x/rustc-1.95/libstd.rlib"] {
            assert!(!is_temporary(no), "{no}");
        }
        assert_eq!(path_in("-Wl,--version-script=/t/list"), "/t/list");
        assert_eq!(path_in("a=b.o"), "a=b.o");
    }
}
