//! Scratch folders and atomic publishing: an action leaves either its whole output or none of it.

use crate::files::paths;
use crate::files::private::PrivateFolder;
use anyhow::{Context, Result, bail};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The file by which a scratch folder is known for one. The run that works in the folder holds a
/// lock on it, which ends with the run and the programs that it has started, however these end.
pub(crate) const MARKER: &str = ".splitlink-scratch";

/// The folder for files that only wait to be moved into place.
pub(crate) const PUBLISH: &str = "publish";

/// How many names are tried for a scratch folder before the action fails.
const NAMES: u32 = 1000;

/// Under how many names a run looks for what earlier runs have left.
const NAMES_LEFT: usize = 8;

/// A folder for what an action makes on the way. It lies beside the action's output, so that
/// renaming into place is atomic, and is removed when dropped. Nothing but what a splitlink made is
/// ever emptied or removed.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
    /// Locked for as long as the folder is in use.
    marker: File,
    /// The output that the folder is beside.
    output: Option<PathBuf>,
}

impl Scratch {
    /// Makes a scratch folder for `output`: `<output>.scratch`. One that a killed run left behind
    /// is emptied. Where somebody else has a file of that name, or another run makes the same
    /// output, it is `<output>.scratch.1`, and so on.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn beside(output: &Path) -> Result<Self> {
        for dir in names_beside(output) {
            if let Some(scratch) = Self::take(&dir, Some(output))? {
                return Ok(scratch);
            }
        }
        bail!(
            "every name for a scratch folder is taken, `{}` and {NAMES} more\n  help: remove those that no longer belong to anything",
            first_beside(output).display()
        )
    }

    /// Makes the scratch folder `dir`. One that a killed run left behind is emptied.
    ///
    /// # Errors
    /// If the folder cannot be made, or somebody else has a file of that name.
    pub fn at(dir: &Path) -> Result<Self> {
        Self::take(dir, None)?.with_context(|| {
            format!("the scratch folder `{}` is in use, or none that splitlink made\n  help: move it elsewhere", dir.display())
        })
    }

    /// Makes the scratch folder `dir`, or one beside it where something is in the way: a process that
    /// was killed may take a moment to end.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn at_or_beside(dir: &Path) -> Result<Self> {
        Self::take(dir, None)?.map_or_else(|| Self::beside(dir), Ok)
    }

    /// The folder `dir`, beside `output` if it is, if it can be made or was left by a run that has
    /// ended.
    fn take(dir: &Path, output: Option<&Path>) -> Result<Option<Self>> {
        let cannot = || format!("cannot make the scratch folder `{}`\n  help: the folder of the output must be writable", dir.display());
        if let Some(parent) = dir.parent() {
            fs::create_dir_all(parent).with_context(cannot)?;
        }
        // Whatever the umask says, since the files made here go into programs.
        let (made, marker) = match DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => (true, File::create_new(dir.join(MARKER)).inspect_err(|_| drop(fs::remove_dir(dir))).with_context(cannot)?),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match marker_of(dir) {
                Some(marker) => (false, marker),
                None => return Ok(None),
            },
            Err(error) => return Err(error).with_context(cannot),
        };
        if !lock(&marker, dir) {
            return Ok(None);
        }
        // A program that outlives the run may still write into the folder: it holds the lock, too.
        rustix::io::fcntl_setfd(&marker, rustix::io::FdFlags::empty()).with_context(cannot)?;
        if !made {
            empty(dir).with_context(|| format!("cannot empty the scratch folder `{}`", dir.display()))?;
        }
        // Without symbolic links, as rustc will spell it in its linker call.
        let real = fs::canonicalize(dir).with_context(|| format!("cannot find the scratch folder `{}`", dir.display()))?;
        let cwd = std::env::current_dir().context("cannot tell the working folder")?;
        let dir = paths::as_argument(real.strip_prefix(cwd).unwrap_or(&real));
        Ok(Some(Self { dir: dir.into(), marker, output: output.map(Path::to_owned) }))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes the subfolder `name` and returns its path.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn subdir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make the scratch folder `{}`", dir.display()))?;
        Ok(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover is emptied by the next run, so failing to clean up is no reason to fail the
        // action.
        remove(&self.dir);
        let _ = self.marker.unlock();
        if let Some(output) = &self.output {
            remove_left_beside(output);
        }
    }
}

/// Removes what runs that have ended left of scratch folders for `output`.
pub(crate) fn remove_left_beside(output: &Path) {
    for dir in names_beside(output).take(NAMES_LEFT) {
        if let Some(marker) = marker_of(&dir)
            && lock(&marker, &dir)
        {
            remove(&dir);
        }
    }
}

/// Whether `dir` is a scratch folder.
pub(crate) fn is_scratch(dir: &Path) -> bool {
    marker_of(dir).is_some()
}

/// The names for scratch folders of `output`, in the order in which they are tried.
fn names_beside(output: &Path) -> impl Iterator<Item = PathBuf> {
    let first = first_beside(output);
    let numbered = first.clone();
    std::iter::once(first).chain((1..=NAMES).map(move |number| numbered.with_added_extension(number.to_string())))
}

fn first_beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".scratch");
    name.into()
}

/// The marker in `dir`, if that is a scratch folder. A symbolic link is none, wherever it leads,
/// nor is a folder that another user made or may write to.
fn marker_of(dir: &Path) -> Option<File> {
    let is_folder = PrivateFolder::open(dir).is_ok();
    let path = dir.join(MARKER);
    let is_marked = is_folder && fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
    if is_marked { File::open(path).ok() } else { None }
}

/// Locks `marker`, and says whether it is ours then and `dir` is still the folder that it marks.
fn lock(marker: &File, dir: &Path) -> bool {
    // In a file system without locks nobody holds one.
    if matches!(marker.try_lock(), Err(TryLockError::WouldBlock)) {
        return false;
    }
    let file = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    marker.metadata().map(file).ok() == fs::symlink_metadata(dir.join(MARKER)).map(file).ok()
}

/// Removes all that is in `dir` but the marker.
fn empty(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes the scratch folder `dir`; one that cannot be removed stays marked.
fn remove(dir: &Path) {
    let marker = dir.join(MARKER);
    if empty(dir).is_ok() && fs::remove_file(&marker).is_ok() && fs::remove_dir(dir).is_err() {
        let _ = File::create_new(marker);
    }
}

/// Writes a file of a worker's own anew. What is there is removed, a link as such: nothing is ever
/// written to where it leads.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_own(path: &Path, text: &str) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => File::create_new(path)?.write_all(text.as_bytes()),
    }
}

/// Makes the folder `dir` and those above it that are missing, for this user alone.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn private_folder(dir: &Path) -> Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| cannot_write(dir))?;
    Ok(dir.to_owned())
}

/// Moves a finished file into its place, in one step.
///
/// # Errors
/// If the file cannot be moved; nothing is left at `to` then.
pub fn publish(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let scratch = Scratch::beside(to)?;
            let copy = copy_into(&scratch, from, to)?;
            fs::rename(copy, to).with_context(|| cannot_write(to))
        }
        moved => moved.with_context(|| cannot_write(to)),
    }
}

/// Copies a file into its place, in one step, by way of `scratch`.
///
/// # Errors
/// If the file cannot be written; nothing is left at `to` then.
pub fn publish_copy(scratch: &Scratch, from: &Path, to: &Path) -> Result<()> {
    publish(&copy_into(scratch, from, to)?, to)
}

/// A copy of `from` in `scratch`, which is to become `to`.
pub(crate) fn copy_into(scratch: &Scratch, from: &Path, to: &Path) -> Result<PathBuf> {
    let copy = scratch.subdir(PUBLISH)?.join(to.file_name().unwrap_or_default());
    fs::copy(from, &copy).with_context(|| cannot_write(to))?;
    Ok(copy)
}

/// Makes `to` another name of the file `from`, or a copy across file systems.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

/// The message for a file that cannot be written.
pub(crate) fn cannot_write(path: &Path) -> String {
    format!("cannot write `{}`\n  help: is its folder there and writable, and is there room on the disk?", path.display())
}

/// Writes `bytes` to `to` by way of `scratch`, so that no half-written file is ever seen.
///
/// # Errors
/// If the file cannot be written (a full disk, say); nothing is left at `to` then.
pub fn publish_bytes(scratch: &Scratch, bytes: &[u8], to: &Path) -> Result<()> {
    let mut finished = Finished::default();
    finished.add_bytes(scratch, bytes, to.to_owned())?;
    finished.publish()
}

/// Files that are finished in scratch folders and go into place together.
#[derive(Debug, Default)]
pub struct Finished {
    /// Where each is, and where it goes.
    files: Vec<(PathBuf, PathBuf)>,
    /// The folders that they are in.
    scratch: Vec<Scratch>,
}

impl Finished {
    /// Adds the file `from`, which goes to `to`.
    pub fn add(&mut self, from: PathBuf, to: PathBuf) {
        self.files.push((from, to));
    }

    /// Adds a file with the contents `bytes`, written in `scratch`, which goes to `to`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add_bytes(&mut self, scratch: &Scratch, bytes: &[u8], to: PathBuf) -> Result<()> {
        let from = scratch.subdir(PUBLISH)?.join(to.file_name().unwrap_or_default());
        fs::write(&from, bytes).with_context(|| cannot_write(&to))?;
        self.files.push((from, to));
        Ok(())
    }

    /// Keeps a scratch folder until its files are in place.
    pub fn keep(&mut self, scratch: Scratch) {
        self.scratch.push(scratch);
    }

    /// Moves every file into its place.
    ///
    /// # Errors
    /// If one cannot be moved; none of the others is left in its place then.
    pub fn publish(self) -> Result<()> {
        for (at, (from, to)) in self.files.iter().enumerate() {
            publish(from, to).inspect_err(|_| {
                for (_, published) in &self.files[..at] {
                    let _ = fs::remove_file(published);
                }
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn made_anew_and_removed() {
        let output = std::env::temp_dir().join(format!("splitlink-scratch-{}/out", std::process::id()));
        let left = output.with_file_name("out.scratch/left");
        fs::create_dir_all(&left).unwrap();
        fs::write(left.with_file_name(MARKER), "").unwrap();
        set_mode(left.parent().unwrap(), 0o700);
        let scratch = Scratch::beside(&output).unwrap();
        assert!(!left.exists() && scratch.path().is_dir());
        assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o7777, 0o700);
        publish_bytes(&scratch, b"whole", &output).unwrap();
        let dir = scratch.path().to_owned();
        drop(scratch);
        assert!(!dir.exists() && fs::read(&output).unwrap() == b"whole");
        assert!(Scratch::beside(&output.join("below a file")).unwrap_err().to_string().contains("must be writable"));
        fs::remove_dir_all(output.parent().unwrap()).unwrap();
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let dir = std::env::temp_dir().join(format!("splitlink-not-ours-{}", std::process::id()));
        let output = dir.join("out");
        let names = [".scratch", ".scratch.1", ".scratch.2", ".scratch.3", ".scratch.4"].map(|end| dir.join(format!("out{end}")));
        // A folder of somebody's own, a file, a link to a folder that has a marker, but is
        // another's scratch folder, and a marked folder that others may write to.
        fs::create_dir_all(names[0].join("inside")).unwrap();
        fs::write(&names[1], "a file").unwrap();
        let other = Scratch::beside(&dir.join("other")).unwrap();
        fs::write(other.path().join("kept"), "").unwrap();
        std::os::unix::fs::symlink(other.path(), &names[2]).unwrap();
        fs::create_dir(&names[3]).unwrap();
        fs::write(names[3].join(MARKER), "").unwrap();
        set_mode(&names[3], 0o777);
        for _ in 0..2 {
            let scratch = Scratch::beside(&output).unwrap();
            assert_eq!(scratch.path(), names[4]);
        }
        assert_eq!(Scratch::at_or_beside(&names[0]).unwrap().path(), dir.join("out.scratch.scratch"));
        assert_eq!(Scratch::at_or_beside(&dir.join("free")).unwrap().path(), dir.join("free"));
        assert!(Scratch::at(&names[0]).unwrap_err().to_string().contains("in use, or none that splitlink made"));
        remove_left_beside(&output);
        assert!(names[0].join("inside").is_dir() && names[1].is_file() && names[2].join("kept").is_file());
        assert!(names[3].join(MARKER).is_file());
        drop(other);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let dir = std::env::temp_dir().join(format!("splitlink-own-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (file, others) = (dir.join("file"), dir.join("others"));
        fs::write(&others, "kept").unwrap();
        for leads_to in [&others, &dir.join("absent")] {
            std::os::unix::fs::symlink(leads_to, &file).unwrap();
            write_own(&file, "own").unwrap();
            assert!(!file.is_symlink() && fs::read(&file).unwrap() == b"own");
            fs::remove_file(&file).unwrap();
        }
        write_own(&file, "own").unwrap();
        write_own(&file, "own again").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"own again");
        assert!(fs::read(&others).unwrap() == b"kept" && !dir.join("absent").exists());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn two_at_a_time_have_a_folder_each() {
        let dir = std::env::temp_dir().join(format!("splitlink-two-{}", std::process::id()));
        let output = dir.join("out");
        let first = Scratch::beside(&output).unwrap();
        fs::write(first.path().join("kept"), "").unwrap();
        let second = Scratch::beside(&output).unwrap();
        assert_eq!(second.path(), dir.join("out.scratch.1"));
        remove_left_beside(&output);
        assert!(first.path().join("kept").is_file() && second.path().is_dir(), "both are in use");
        drop(first);
        assert!(second.path().is_dir());
        // A run that was killed: nobody holds its lock, and the next run removes its folder.
        let left = second.path().to_owned();
        second.marker.unlock().unwrap();
        let third = Scratch::beside(&output).unwrap();
        assert_eq!(third.path(), dir.join("out.scratch"));
        drop(third);
        assert!(!left.exists() && !dir.join("out.scratch").exists());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn all_files_or_none() {
        let dir = std::env::temp_dir().join(format!("splitlink-finished-{}", std::process::id()));
        let to = |name: &str| dir.join(name);
        let finish = |names: &[&str]| {
            let scratch = Scratch::beside(&dir.join("out")).unwrap();
            let mut finished = Finished::default();
            for name in names {
                finished.add_bytes(&scratch, name.as_bytes(), to(name)).unwrap();
            }
            finished.keep(scratch);
            finished.publish()
        };
        finish(&["a", "b"]).unwrap();
        assert!(fs::read(to("a")).unwrap() == b"a" && fs::read(to("b")).unwrap() == b"b");
        fs::create_dir_all(to("taken/by a folder")).unwrap();
        assert!(finish(&["c", "taken"]).unwrap_err().to_string().contains("taken"));
        assert!(!to("c").exists() && !to("out.scratch").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}
