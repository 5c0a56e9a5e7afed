//! Folders that are their user's alone.

use anyhow::{Context, Result};
use rustix::fs::{FileType, Mode, OFlags};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A folder that belongs to this process's user and that nobody else may enter. It is held open:
/// files are reached through the handle, so a change of its name does nothing.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    handle: OwnedFd,
}

/// A folder is there, and is not its user's alone.
#[derive(Debug)]
pub struct NotPrivate(String);

impl std::fmt::Display for NotPrivate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotPrivate {}

impl PrivateFolder {
    /// Makes the folder `path`, with mode 0700, if it is not there.
    ///
    /// # Errors
    /// If it cannot be made; [`NotPrivate`] if it is there and not this user's alone.
    pub fn make(path: &Path) -> Result<Self> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(error).with_context(|| format!("cannot make the folder `{}`", path.display()))
            }
            _ => Self::open(path),
        }
    }

    /// Opens the folder `path`.
    ///
    /// # Errors
    /// If it is not there; [`NotPrivate`] if it is not this user's alone, or a symbolic link.
    pub fn open(path: &Path) -> Result<Self> {
        let not_private = |why: String| {
            NotPrivate(format!(
                "the folder `{}` {why}\n  help: it must be a folder of your own with mode 700; remove what is there",
                path.display()
            ))
        };
        let handle = match rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => return Err(not_private("is no folder".into()).into()),
            handle => handle.with_context(|| format!("cannot open the folder `{}`", path.display()))?,
        };
        let found = rustix::fs::fstat(&handle).with_context(|| format!("cannot look at the folder `{}`", path.display()))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
            return Err(not_private("is no folder".into()).into());
        }
        if found.st_uid != rustix::process::geteuid().as_raw() {
            return Err(not_private(format!("belongs to another user ({})", found.st_uid)).into());
        }
        if found.st_mode & 0o077 != 0 {
            return Err(not_private(format!("lets others in (its mode is {:o})", found.st_mode & 0o7777)).into());
        }
        Ok(Self { path: path.to_owned(), handle })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path to the entry `name` by way of the open folder, which is short however long the
    /// folder's own is.
    pub fn entry(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.handle.as_raw_fd()))
    }

    /// Whether `path` still names the open `file`.
    pub fn is_same_file(file: &File, path: &Path) -> bool {
        match (file.metadata(), fs::symlink_metadata(path)) {
            (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_a_folder_of_ones_own() {
        let dir = std::env::temp_dir().join(format!("splitlink-private-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let folder = dir.join("folder");
        let made = PrivateFolder::make(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o7777, 0o700);
        fs::write(made.entry("file"), "x").unwrap();
        assert_eq!(fs::read(folder.join("file")).unwrap(), b"x");
        // Made by somebody else's umask, or opened to all later.
        for mode in [0o701, 0o710, 0o720, 0o750, 0o777] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            let why = PrivateFolder::make(&folder).unwrap_err();
            assert!(why.is::<NotPrivate>() && why.to_string().contains(&format!("{mode:o}")), "{why}");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&folder, dir.join("link")).unwrap();
        fs::write(dir.join("plain"), "").unwrap();
        for name in ["link", "plain"] {
            assert!(PrivateFolder::make(&dir.join(name)).unwrap_err().to_string().contains("is no folder"), "{name}");
        }
        assert!(!PrivateFolder::open(&dir.join("absent")).unwrap_err().is::<NotPrivate>());
        // Only root can give a folder away.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&folder, Some(12345), None).unwrap();
            assert!(PrivateFolder::make(&folder).unwrap_err().to_string().contains("another user (12345)"));
        } else {
            eprintln!("skipped: a folder of another user; run the tests as root for it");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
