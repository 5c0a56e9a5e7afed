//! The capture of rustc's linker call.
//!
//! rustc is told that this very program is the linker, by a link of the linker's own name
//! ([`link_to_self`]), from which rustc infers the linker's flavor. The scratch folder of that link
//! is where to record the call.
//!
//! rustc removes its temporary files when the linker returns, so the call is recorded with copies
//! of them.

use crate::files::link_to_self;
use crate::files::scratch::{self, Scratch};
use crate::rustc::response_file;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder, in the scratch folder, of the link by which rustc calls this program as the linker.
const LINKER: &str = "linker";

/// The folder, beside that one, to record calls in.
const CALLS: &str = "capture";

/// Makes, in `scratch`, the recorder, under the name of a linker called `name`.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn recorder(scratch: &Scratch, name: &str) -> Result<PathBuf> {
    scratch.subdir(CALLS)?;
    link_to_self::make(scratch.path(), LINKER, name)
}

/// The scratch folder of the no-link action whose linker this program is, if it was called as
/// `program`, which is the path of a [`recorder`].
pub(crate) fn scratch_of(program: &Path) -> Option<&Path> {
    link_to_self::scratch_of(program, LINKER).filter(|scratch| scratch.join(CALLS).is_dir())
}

/// One call of the linker.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Invocation {
    /// The arguments, response files expanded.
    pub args: Vec<String>,
    /// rustc's temporary files among them: path in `args` → where its copy is.
    pub saved: BTreeMap<String, PathBuf>,
    /// The SDK that rustc names to Apple's linkers, in [`SDK_ROOT`].
    pub sdk_root: Option<String>,
}

/// The variable of the environment that names the folder of Apple's SDK.
pub const SDK_ROOT: &str = "SDKROOT";

/// Records the call with the arguments `args` as the next one in the scratch folder `scratch`.
///
/// # Errors
/// If a file cannot be copied or the record not be written.
pub fn record(scratch: &Path, args: Vec<String>) -> Result<()> {
    let args = response_file::expand_linker(args)?;
    let temporary = Temporary::new(scratch)?;
    let dir = fs::canonicalize(scratch).with_context(|| format!("cannot find `{}`", scratch.display()))?.join(CALLS);
    let number = fs::read_dir(&dir).with_context(|| format!("cannot list `{}`", dir.display()))?.count();
    let files = dir.join(number.to_string());
    fs::create_dir(&files).with_context(|| format!("cannot make `{}`", files.display()))?;
    let mut saved = BTreeMap::new();
    for arg in &args {
        let path = path_in(arg);
        if !temporary.holds(path) || saved.contains_key(path) {
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
    let record = serde_json::to_vec(&Invocation { args, saved, sdk_root: std::env::var(SDK_ROOT).ok() })?;
    let to = files.join("invocation.json");
    fs::write(&to, record).with_context(|| scratch::cannot_write(&to))
}

/// All calls recorded in `scratch`, in order.
///
/// # Errors
/// If a record cannot be read.
pub fn recorded(scratch: &Scratch) -> Result<Vec<Invocation>> {
    let dir = scratch.path().join(CALLS);
    let count = fs::read_dir(&dir).with_context(|| format!("cannot list `{}`", dir.display()))?.count();
    (0..count)
        .map(|number| {
            let file = dir.join(number.to_string()).join("invocation.json");
            let text = fs::read(&file).with_context(|| format!("cannot read the recorded linker call `{}`", file.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("the recorded linker call `{}` is broken", file.display()))
        })
        .collect()
}

/// The path that a linker argument is or ends in: all of `out/a.o`, the end of
/// `-Wl,--version-script=/x/list`.
pub fn path_in(arg: &str) -> &str {
    if !arg.starts_with('-') {
        return arg;
    }
    // A path may have such characters of its own.
    let ends = || arg.match_indices(['=', ',']).map(|(at, _)| &arg[at + 1..]);
    let path = ends().find(|end| end.starts_with('/')).or_else(|| ends().find(|end| !end.starts_with('-') && end.contains('/')));
    path.or_else(|| ends().next_back()).unwrap_or(arg)
}

/// Where rustc puts the files that it makes for one link: its output folder, which is ours, or the
/// system's folder for temporary files, there in a folder named `rustc` and six letters or digits
/// (`rustc_codegen_ssa::back::link::link_binary`: in 1.95 in the output folder, in 1.85 in the
/// system's).
#[derive(Debug)]
pub struct Temporary {
    cwd: PathBuf,
    scratch: PathBuf,
    system: PathBuf,
}

impl Temporary {
    /// The places for a run whose scratch folder is `scratch`.
    ///
    /// # Errors
    /// If the working folder or `scratch` is gone.
    pub fn new(scratch: &Path) -> Result<Self> {
        let cwd = std::env::current_dir().context("cannot tell the working folder")?;
        let scratch = fs::canonicalize(scratch).with_context(|| format!("cannot find `{}`", scratch.display()))?;
        Ok(Self { cwd, scratch, system: std::env::temp_dir() })
    }

    #[cfg(test)]
    pub(crate) fn at(cwd: &str, scratch: &str, system: &str) -> Self {
        Self { cwd: cwd.into(), scratch: scratch.into(), system: system.into() }
    }

    /// Whether rustc made the file or folder `path` for one link.
    pub fn holds(&self, path: &str) -> bool {
        let path = self.cwd.join(path);
        path.starts_with(self.scratch.join("out"))
            || path.strip_prefix(&self.system).is_ok_and(|rest| {
                let name = rest.iter().next().and_then(|name| name.to_str()?.strip_prefix("rustc"));
                name.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
            })
    }

    /// Whether `path` is right in a folder that rustc made for one link.
    pub fn is_in_folder_of_a_link(&self, path: &str) -> bool {
        let folder = Path::new(path).parent().map(|folder| self.cwd.join(folder));
        folder.is_some_and(|folder| {
            folder.parent().is_some_and(|parent| parent == self.scratch.join("out") || parent == self.system)
                && self.holds(&folder.to_string_lossy())
        })
    }

    /// Whether `arg` names anything in the scratch folder, which nothing outside may do.
    pub fn is_named_in(&self, arg: &str) -> bool {
        let relative = self.scratch.strip_prefix(&self.cwd).unwrap_or(&self.scratch);
        arg.contains(&*relative.to_string_lossy()) || arg.split(['=', ',']).any(|part| self.holds(part))
    }
}

fn save(file: &Path, into: &Path, number: usize) -> Result<PathBuf> {
    let copy = into.join(number.to_string());
    // A hard link outlives rustc's own name for the file and copies nothing; rustc's temporary
    // folder may be elsewhere.
    scratch::link_or_copy(file, &copy).with_context(|| format!("cannot keep a copy of rustc's `{}`", file.display()))?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recorder_is_the_linker() {
        let dir = std::env::temp_dir().join(format!("splitlink-recorder-{}", std::process::id()));
        let scratch = Scratch::beside(&dir.join("plan")).unwrap();
        let link = link_to_self::make(scratch.path(), LINKER, "cc").unwrap();
        assert_eq!(scratch_of(&link), None, "nothing is recorded there");
        assert_eq!(recorder(&scratch, "cc").unwrap(), link);
        assert_eq!(scratch_of(&link), Some(scratch.path()));
        drop(scratch);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn temporary_files() {
        let temporary = Temporary::at("/w", "/w/p.scratch", "/tmp");
        for yes in ["/tmp/rustcAb12Cd/symbols.o", "p.scratch/out/rustcM9rDBm/list", "/w/p.scratch/out/m.m.f19-cgu.0.rcgu.o"] {
            assert!(temporary.holds(yes), "{yes}");
        }
        for no in ["/tmp/rustc-1.95/libstd.rlib", "/w/rustcsource/x.o", "p.scratch/deps/liba.rlib", "other.rcgu.o"] {
            assert!(!temporary.holds(no), "{no}");
        }
        assert!(temporary.is_named_in("-Wl,-Map=p.scratch/map") && !temporary.is_named_in("-Wl,-Map=map"));
        assert_eq!(path_in("-Wl,--version-script=/t/list"), "/t/list");
        assert_eq!(path_in("a=b.o"), "a=b.o");
        assert_eq!(path_in("-Wl,--version-script=/t/a=1,b/list"), "/t/a=1,b/list");
        assert_eq!(path_in("-Wl,--version-script=a=1/list"), "a=1/list");
        assert_eq!(path_in("-Wl,-soname,liba.so"), "liba.so");
    }
}
