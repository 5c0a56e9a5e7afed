//! A folder of the worker's own, for what must outlast an action's sandbox.

use crate::files::private::PrivateFolder;
use crate::files::scratch;
use anyhow::{Context, Result};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "splitlink-worker-";
const LOCK: &str = "lock";
/// The end of the name of a folder that is being removed: it stays one to remove, whatever of it is
/// gone, if who removes it is killed.
const REMOVED: &str = ".removed";

/// A folder that has no lock after this time was left by a worker that was killed.
const WITHOUT_LOCK_FOR: Duration = Duration::from_secs(60 * 60);

/// A folder that is removed with the worker; one whose worker was killed is removed by the next.
///
/// Workers may share an output tree and know nothing else of each other: each may be the first
/// process of a container. So names are random, and a folder whose lock is taken is left alone.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    _hold: Hold,
}

/// What keeps a folder from being removed as one that was left: a lock that its worker shares with
/// the processes that it has attached. These may live a moment longer, and would make the folder
/// anew.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
}

impl Hold {
    /// Takes hold of the folder `dir` of a worker; none if that is gone, or about to be.
    ///
    /// # Errors
    /// If its lock cannot be taken.
    pub fn of(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(LOCK);
        let lock = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            lock => lock.with_context(|| format!("cannot open `{}`", path.display()))?,
        };
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            locked => locked.with_context(|| format!("cannot lock `{}`", path.display()))?,
        }
        Ok(PrivateFolder::is_same_file(&lock, &path).then_some(Self { _lock: lock }))
    }
}

impl Place {
    /// Makes the folder in `parent`, with mode 0700, after removing those whose workers are no
    /// more.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn within(parent: &Path) -> Result<Self> {
        remove_left(parent);
        fs::create_dir_all(parent).with_context(|| scratch::cannot_write(parent))?;
        loop {
            match Self::with_lock(parent) {
                // Another worker took it for one that was left, before its lock was taken.
                Err(error) if is_about(&error, io::ErrorKind::NotFound) && parent.is_dir() => {}
                // The name is another's.
                Err(error) if is_about(&error, io::ErrorKind::AlreadyExists) => {}
                made => return made,
            }
        }
    }

    /// Makes the folder, which is hidden until its lock is taken.
    fn with_lock(parent: &Path) -> Result<Self> {
        let name = format!("{PREFIX}{:016x}", RandomState::new().build_hasher().finish());
        let hidden = parent.join(format!(".{name}"));
        DirBuilder::new().mode(0o700).create(&hidden).with_context(|| scratch::cannot_write(&hidden))?;
        let lock = File::create_new(hidden.join(LOCK)).with_context(|| scratch::cannot_write(&hidden))?;
        lock.lock_shared().with_context(|| format!("cannot lock `{}`", hidden.display()))?;
        let dir = parent.join(name);
        fs::rename(&hidden, &dir).with_context(|| scratch::cannot_write(&dir))?;
        Ok(Self { dir, _hold: Hold { _lock: lock } })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.dir);
        // A process that was attached to a worker now killed may have held what that worker left.
        if let Some(parent) = self.dir.parent() {
            remove_left(parent);
        }
    }
}

/// Where to make a folder for an action in the folder `cwd` that writes `output`: most likely in
/// the output's own file system.
pub fn parent_for(cwd: &Path, output: &Path) -> PathBuf {
    let mut components = output.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(first)), Some(_)) => cwd.join(first),
        (Some(Component::RootDir), _) => output.parent().unwrap_or(cwd).to_owned(),
        _ => cwd.to_owned(),
    }
}

/// Removes the folders in `parent` that are this user's and whose workers are no more.
fn remove_left(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.strip_prefix('.').unwrap_or(&name).starts_with(PREFIX) {
            continue;
        }
        // This worker looks into no other user's folder, and follows no link.
        let Ok(folder) = PrivateFolder::open(&entry.path()) else { continue };
        if name.ends_with(REMOVED) {
            let _ = fs::remove_dir_all(entry.path());
            continue;
        }
        // Held until the folder is gone, so that who waits for it finds nothing to use.
        let lock = File::open(folder.entry(LOCK));
        let is_left = match &lock {
            Ok(lock) => lock.try_lock().is_ok(),
            // It may be in the making.
            Err(_) => is_old(&entry),
        };
        if is_left {
            remove(&entry.path());
        }
    }
}

/// Removes the folder `dir`: first its name, so that nobody takes the rest for one in the making.
fn remove(dir: &Path) {
    let mut removed = dir.as_os_str().to_owned();
    removed.push(REMOVED);
    let _ = fs::remove_dir_all(if fs::rename(dir, &removed).is_ok() { Path::new(&removed) } else { dir });
}

fn is_old(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > WITHOUT_LOCK_FOR))
}

fn is_about(error: &anyhow::Error, kind: io::ErrorKind) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn near_the_output() {
        for (output, parent) in [("o/a/b.rlib", "/w/o"), ("b.rlib", "/w"), ("../b.rlib", "/w"), ("/x/y/b.rlib", "/x/y")] {
            assert_eq!(parent_for("/w".as_ref(), output.as_ref()), Path::new(parent), "{output}");
        }
    }

    #[test]
    fn what_a_killed_worker_left_is_removed() {
        let parent = std::env::temp_dir().join(format!("splitlink-place-{}", std::process::id()));
        let left = parent.join(format!("{PREFIX}left"));
        let leave = |mode: u32| {
            fs::create_dir_all(&left).unwrap();
            fs::set_permissions(&left, fs::Permissions::from_mode(mode)).unwrap();
            fs::write(left.join(LOCK), "").unwrap();
        };
        leave(0o700);
        // Its worker was killed before the folder had its name.
        let hidden = parent.join(format!(".{PREFIX}left"));
        fs::create_dir(&hidden).unwrap();
        fs::set_permissions(&hidden, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(hidden.join(LOCK), "").unwrap();
        // A worker was killed while it removed its folder, or another's: the lock is gone first.
        for name in [".splitlink-worker-1.removed", "splitlink-worker-2.removed"] {
            fs::create_dir_all(parent.join(name).join("0")).unwrap();
            fs::set_permissions(parent.join(name), fs::Permissions::from_mode(0o700)).unwrap();
            fs::write(parent.join(name).join("0/file"), "").unwrap();
        }
        let place = Place::within(&parent).unwrap();
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1);
        // A second worker leaves the first alone, of whatever number its process is: here it is the
        // same.
        let second = Place::within(&parent).unwrap();
        assert!(place.dir.is_dir() && second.dir.is_dir() && place.dir != second.dir);
        assert_eq!(fs::metadata(&place.dir).unwrap().permissions().mode() & 0o777, 0o700);
        // A folder that somebody else could have made is not touched.
        leave(0o777);
        let elsewhere = parent.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join(LOCK), "").unwrap();
        symlink(&elsewhere, parent.join(format!("{PREFIX}link"))).unwrap();
        fs::create_dir(parent.join(format!(".{PREFIX}in-the-making"))).unwrap();
        remove_left(&parent);
        drop((place, second));
        let mut names: Vec<_> = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".splitlink-worker-in-the-making", "elsewhere", "splitlink-worker-left", "splitlink-worker-link"]);
        fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn a_folder_that_is_held_stays() {
        let parent = std::env::temp_dir().join(format!("splitlink-held-{}", std::process::id()));
        let left = parent.join(format!("{PREFIX}left"));
        DirBuilder::new().recursive(true).mode(0o700).create(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let (first, second) = (Hold::of(&left).unwrap(), Hold::of(&left).unwrap());
        assert!(first.is_some() && second.is_some());
        drop(first);
        let other = Place::within(&parent).unwrap();
        assert!(left.is_dir(), "it was removed while a process works in it");
        drop(second);
        // The next to remove it has its lock before its name is gone.
        let lock = File::open(left.join(LOCK)).unwrap();
        lock.lock().unwrap();
        assert!(Hold::of(&left).unwrap().is_none());
        drop(lock);
        drop(other);
        assert!(!left.exists() && Hold::of(&left).unwrap().is_none());
        fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn nobody_removes_what_is_in_the_making() {
        let parent = std::env::temp_dir().join(format!("splitlink-places-{}", std::process::id()));
        fs::create_dir_all(&parent).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let place = Place::within(&parent).unwrap();
                        remove_left(&parent);
                        assert!(place.path().join(LOCK).is_file(), "{}", place.path().display());
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
        fs::remove_dir_all(&parent).unwrap();
    }
}
