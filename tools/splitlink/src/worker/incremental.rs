//! The folders in which rustc keeps what it may use again in the next build of a crate.
//!
//! There is one for each crate and configuration, in a folder of the worker's own: it goes with the
//! worker. One action at a time has a folder. What is used for the longest time by none is removed
//! when they become too many or too large.

use super::lock;
use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How much may be kept.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "incremental_limits")]
pub struct Limits {
    /// For how many crates, in how many configurations, what rustc may use again is kept, of actions
    /// with --incremental
    #[arg(long, value_name = "N", default_value_t = 512)]
    max_incremental: usize,
    /// How many megabytes that may be together
    #[arg(long, value_name = "MB", default_value_t = 8192)]
    max_incremental_size: u64,
}

/// All folders of a worker.
#[derive(Debug)]
pub struct Folders {
    limits: Limits,
    folders: HashMap<PathBuf, Folder>,
    /// How often one was used.
    clock: u64,
}

#[derive(Debug, Default)]
struct Folder {
    in_use: bool,
    bytes: u64,
    used: u64,
}

/// The right of an action to a folder.
#[derive(Debug)]
pub struct InUse {
    folders: Arc<Mutex<Folders>>,
    path: PathBuf,
}

impl Folders {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, folders: HashMap::new(), clock: 0 }
    }

    /// Takes out of the list what goes beyond the limits, and what is in it no more.
    fn beyond_limits(&mut self) -> Vec<PathBuf> {
        let mut gone = Vec::new();
        loop {
            let bytes: u64 = self.folders.values().map(|folder| folder.bytes).sum();
            if self.folders.len() <= self.limits.max_incremental && bytes <= self.limits.max_incremental_size << 20 {
                return gone;
            }
            let oldest = self.folders.iter().filter(|(_, folder)| !folder.in_use).min_by_key(|(_, folder)| folder.used);
            let Some(path) = oldest.map(|(path, _)| path.clone()) else { return gone };
            self.folders.remove(&path);
            gone.push(path);
        }
    }
}

impl InUse {
    /// Gives the folder in `parent` for what is made at `output` to an action; none if another
    /// action has it.
    pub fn take(folders: &Arc<Mutex<Folders>>, parent: &Path, output: &str) -> Option<Self> {
        // Of `libfoo.rmeta` and `libfoo.rlib` it is the same.
        let mut hasher = DefaultHasher::new();
        Path::new(output).with_extension("").hash(&mut hasher);
        let path = parent.join("incremental").join(format!("{:016x}", hasher.finish()));
        let mut all = lock(folders);
        let folder = all.folders.entry(path.clone()).or_default();
        if std::mem::replace(&mut folder.in_use, true) {
            return None;
        }
        Some(Self { folders: Arc::clone(folders), path })
    }

    /// The folder, which need not be there yet.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The scratch folder for rustc, which compiles from nothing if its outputs are elsewhere than
    /// in the last build: they count in the hash of its options
    /// (`rustc_session::options::OutputTypes`, 1.95).
    pub fn scratch(&self) -> PathBuf {
        self.path.with_extension("scratch")
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let bytes = size(&self.path);
        let mut all = lock(&self.folders);
        all.clock += 1;
        let used = all.clock;
        all.folders.insert(self.path.clone(), Folder { in_use: false, bytes, used });
        for path in all.beyond_limits() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.metadata().map_or(0, |data| if data.is_dir() { size(&entry.path()) } else { data.len() })).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_goes_first() {
        let parent = std::env::temp_dir().join(format!("splitlink-incremental-{}", std::process::id()));
        let folders = Arc::new(Mutex::new(Folders::new(Limits { max_incremental: 2, max_incremental_size: 1 })));
        let make = |output: &str, bytes: usize| {
            let taken = InUse::take(&folders, &parent, output).unwrap();
            fs::create_dir_all(taken.path()).unwrap();
            fs::write(taken.path().join("file"), vec![0; bytes]).unwrap();
            taken
        };
        let is_there = |output: &str| InUse::take(&folders, &parent, output).unwrap().path().exists();

        let a = make("o/liba.rmeta", 10);
        assert!(InUse::take(&folders, &parent, "o/liba.rlib").is_none(), "two actions have one folder");
        drop(a);
        drop(make("o/libb.rlib", 10));
        assert!(is_there("o/liba.rlib"));
        drop(make("o/libc.rlib", 10));
        // `b` was used before `a`.
        assert_eq!((is_there("o/liba.rlib"), is_there("o/libb.rlib")), (true, false));
        drop(make("o/liba.rlib", 2 << 20));
        assert!(!is_there("o/liba.rlib"), "one that is larger than all may be was kept");
        fs::remove_dir_all(parent).unwrap();
    }
}
