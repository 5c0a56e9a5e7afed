//! A folder of the worker's own, for what must outlast an action's sandbox.

use crate::scratch;
use anyhow::{Context, Result};
use std::fs::{self, File, TryLockError};
use std::path::{Component, Path, PathBuf};

const PREFIX: &str = "splitlink-worker-";
const LOCK: &str = "lock";

/// A folder that is removed with the worker; one whose worker was killed is removed by the next.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    _lock: File,
}

impl Place {
    /// Makes the folder in `parent`, after removing those whose workers are no more.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn within(parent: &Path) -> Result<Self> {
        remove_left(parent);
        // Locked before it gets the name by which others look for it.
        let id = std::process::id();
        let hidden = parent.join(format!(".{PREFIX}{id}"));
        fs::create_dir_all(&hidden).with_context(|| scratch::cannot_write(&hidden))?;
        let lock = File::create(hidden.join(LOCK)).with_context(|| scratch::cannot_write(&hidden))?;
        lock.lock().with_context(|| format!("cannot lock `{}`", hidden.display()))?;
        let dir = parent.join(format!("{PREFIX}{id}"));
        let _ = fs::remove_dir_all(&dir);
        fs::rename(&hidden, &dir).with_context(|| scratch::cannot_write(&dir))?;
        Ok(Self { dir, _lock: lock })
    }

    /// Where to make one for an action in the folder `cwd` that writes `output`: most likely in the file system in which the output goes into its
    /// place.
    pub fn parent_for(cwd: &Path, output: &Path) -> PathBuf {
        let mut components = output.components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(first)), Some(_)) => cwd.join(first),
            (Some(Component::RootDir), _) => output.parent().unwrap_or(cwd).to_owned(),
            _ => cwd.to_owned(),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// A path in it, for a folder of the number `number`.
    pub fn folder(&self, number: u64) -> PathBuf {
        self.dir.join(number.to_string())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn remove_left(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
            if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_the_output() {
        for (output, parent) in [("o/a/b.rlib", "/w/o"), ("b.rlib", "/w"), ("../b.rlib", "/w"), ("/x/y/b.rlib", "/x/y")] {
            assert_eq!(Place::parent_for("/w".as_ref(), output.as_ref()), Path::new(parent), "{output}");
        }
    }

    #[test]
    fn what_a_killed_worker_left_is_removed() {
        let parent = std::env::temp_dir().join(format!("splitlink-place-{}", std::process::id()));
        let left = parent.join(format!("{PREFIX}left"));
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let place = Place::within(&parent).unwrap();
        assert!(!left.exists());
        // A second one leaves the first alone, though it is of the same process here.
        remove_left(&parent);
        assert!(place.dir.is_dir());
        drop(place);
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
        fs::remove_dir_all(&parent).unwrap();
    }
}
