//! A folder whose files go into programs as they are, so no other user may have a say in them.
//!
//! The rule for the folder and for each file in it: it belongs to the user of this process or to
//! root, and nobody else may write to it. A sticky bit does not help: whoever may write to the
//! folder could choose which names are taken. All goes through one handle of the folder that was
//! checked, so that nothing which is done to its path later matters.

use anyhow::{Context, Result, bail};
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The mode of a file that only this user may read and write.
const PRIVATE: RawMode = 0o600;

const WRITABLE_BY_OTHERS: RawMode = 0o022;

/// The folder.
#[derive(Debug)]
pub struct TrustedDir {
    handle: OwnedFd,
}

/// A file in it.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// When it was last written, or marked as used.
    pub used: SystemTime,
    /// Its size in bytes.
    pub bytes: u64,
}

impl TrustedDir {
    /// Opens the folder `path`, which is made, for this user alone, if it is not there.
    ///
    /// # Errors
    /// If it cannot be made or opened, or is not to be trusted; the message speaks of the folder as
    /// "it".
    pub fn open_or_make(path: &Path) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).context("it cannot be made")?;
        let opened = open(CWD, path, OFlags::DIRECTORY).map_err(io::Error::from).context("it cannot be opened")?;
        check(&opened)?;
        Ok(Self { handle: opened.handle })
    }

    /// Opens the file `name` to read it; none if there is none.
    ///
    /// # Errors
    /// If it cannot be read, is no plain file or is not to be trusted; the message speaks of the
    /// file as "it".
    pub fn open(&self, name: &str) -> Result<Option<File>> {
        // Nobody may be at the other end of a pipe.
        let opened = match open(self.handle.as_fd(), Path::new(name), OFlags::NOFOLLOW | OFlags::NONBLOCK) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => bail!("it is a symbolic link"),
            Err(error) => return Err(io::Error::from(error)).context("it cannot be opened"),
        };
        if FileType::from_raw_mode(opened.stat.st_mode) != FileType::RegularFile {
            bail!("it is no plain file");
        }
        check(&opened)?;
        Ok(Some(opened.handle.into()))
    }

    /// Makes a file for this user alone, under a name that nobody else has: `new.` and a random
    /// number.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create_new(&self) -> io::Result<(String, File)> {
        let mut random = [0; 16];
        getrandom(&mut random, GetRandomFlags::empty())?;
        let name = format!("new.{:032x}", u128::from_le_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = fs::openat(&self.handle, &name, flags, Mode::from_raw_mode(PRIVATE))?;
        Ok((name, handle.into()))
    }

    /// Gives `file`, which is called `from`, the name `to` once its contents are on the disk. What
    /// has that name is replaced.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn publish(&self, file: &File, from: &str, to: &str) -> io::Result<()> {
        file.sync_all()?;
        Ok(fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Returns when the names of all files are on the disk.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.handle)?)
    }

    /// Removes the file `name`; it may be gone already.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The plain files in it, as far as it can be read.
    pub fn entries(&self) -> Vec<Entry> {
        let entries = fs::Dir::read_from(&self.handle).into_iter().flatten().flatten();
        let entry = |name: &std::ffi::CStr| {
            // One that another process has just removed is none.
            let stat = fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            let used = SystemTime::UNIX_EPOCH + Duration::new(u64::try_from(stat.st_mtime).ok()?, u32::try_from(stat.st_mtime_nsec).ok()?);
            let (name, bytes) = (name.to_str().ok()?.to_owned(), u64::try_from(stat.st_size).ok()?);
            is_file.then_some(Entry { name, used, bytes })
        };
        entries.filter_map(|found| entry(found.file_name())).collect()
    }
}

/// A file or folder that was opened to be read.
struct Opened {
    handle: OwnedFd,
    stat: Stat,
    /// Whether the kernel says that this process may do what only an owner may.
    is_own: bool,
}

fn open(at: BorrowedFd<'_>, path: &Path, flags: OFlags) -> rustix::io::Result<Opened> {
    let open = |more| fs::openat(at, path, OFlags::RDONLY | OFlags::CLOEXEC | flags | more, Mode::empty());
    // Only an owner may open so. The number does not tell: in a user namespace all users who have
    // none there share one.
    let (handle, is_own) = match open(OFlags::NOATIME) {
        Ok(handle) => (handle, true),
        Err(Errno::PERM) => (open(OFlags::empty())?, false),
        Err(error) => return Err(error),
    };
    let stat = fs::fstat(&handle)?;
    Ok(Opened { handle, stat, is_own })
}

fn check(Opened { stat, is_own, .. }: &Opened) -> Result<()> {
    let (owner, mode, own) = (stat.st_uid, stat.st_mode & 0o7777, rustix::process::geteuid().as_raw());
    if owner != 0 && !(*is_own && owner == own) {
        let other = if owner == own { " without a number here" } else { "" };
        bail!("it belongs to user {owner}{other} and has mode {mode:04o}, and this is user {own}");
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        bail!("it belongs to user {owner} and has mode {mode:04o}, so others may write to it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("splitlink-trusted-{name}-{}", std::process::id()))
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_may_write_is_not_trusted() {
        let dir = place("modes");
        for (mode, is_trusted) in
            [(0o700, true), (0o755, true), (0o555, true), (0o770, false), (0o720, false), (0o702, false), (0o1777, false)]
        {
            // New each time: what is made is for its user alone.
            let folder = TrustedDir::open_or_make(&dir.join("folder")).unwrap();
            assert_eq!(std::fs::metadata(dir.join("folder")).unwrap().permissions().mode() & 0o7777, 0o700);
            let (name, file) = folder.create_new().unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, PRIVATE);
            set_mode(&dir.join("folder").join(&name), mode & 0o777 | 0o400);
            assert_eq!(folder.open(&name).is_ok_and(|file| file.is_some()), is_trusted, "a file of mode {mode:o}");
            set_mode(&dir.join("folder"), mode);
            let opened = TrustedDir::open_or_make(&dir.join("folder"));
            assert_eq!(opened.is_ok(), is_trusted, "a folder of mode {mode:o}");
            if let Err(error) = opened {
                assert!(format!("{error:#}").contains(&format!("has mode {mode:04o}, so others may write")), "{error:#}");
            }
            set_mode(&dir.join("folder"), 0o700);
            std::fs::remove_dir_all(&dir).unwrap();
        }
    }

    #[test]
    fn what_is_no_plain_file_is_not_trusted() {
        let dir = place("kinds");
        let folder = TrustedDir::open_or_make(&dir).unwrap();
        std::fs::write(dir.join("file"), "").unwrap();
        symlink("file", dir.join("link")).unwrap();
        symlink("nowhere", dir.join("dangling")).unwrap();
        std::fs::create_dir(dir.join("folder")).unwrap();
        fs::mkfifoat(CWD, dir.join("pipe"), Mode::from_raw_mode(PRIVATE)).unwrap();
        for (name, says) in
            [("link", "symbolic link"), ("dangling", "symbolic link"), ("folder", "no plain file"), ("pipe", "no plain file")]
        {
            let error = format!("{:#}", folder.open(name).unwrap_err());
            assert!(error.contains(says), "{name}: {error}");
        }
        assert!(folder.open("file").unwrap().is_some() && folder.open("none").unwrap().is_none());
        assert_eq!(folder.entries().iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["file"]);
        // A folder may be named by a link to it: what is opened is what is checked.
        symlink(&dir, dir.with_extension("link")).unwrap();
        assert!(TrustedDir::open_or_make(&dir.with_extension("link")).unwrap().open("file").unwrap().is_some());
        assert!(format!("{:#}", TrustedDir::open_or_make(&dir.join("file")).unwrap_err()).contains("cannot be made"));
        std::fs::remove_file(dir.with_extension("link")).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_name_is_given_in_one_step() {
        let dir = place("publish");
        let folder = TrustedDir::open_or_make(&dir).unwrap();
        for contents in ["one", "another"] {
            let (name, mut file) = folder.create_new().unwrap();
            io::Write::write_all(&mut file, contents.as_bytes()).unwrap();
            folder.publish(&file, &name, "named").unwrap();
            folder.sync().unwrap();
            assert_eq!(io::read_to_string(folder.open("named").unwrap().unwrap()).unwrap(), contents);
        }
        let (one, other) = (folder.create_new().unwrap().0, folder.create_new().unwrap().0);
        assert_ne!(one, other);
        for name in [&one, &other, &one] {
            folder.remove(name).unwrap();
        }
        assert_eq!(folder.entries().len(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
