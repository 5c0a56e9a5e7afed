//! Scratch folders and atomic publishing: an action leaves either its whole output or none of it.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder for what an action makes on the way. It lies beside the action's output, so that renaming into place is
/// atomic and two actions never share one, and is removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Makes the scratch folder that belongs to `output`: `<output>.scratch`. One that a killed run left behind is emptied.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn beside(output: &Path) -> Result<Self> {
        Self::at(Self::path_beside(output))
    }

    /// Where [`Scratch::beside`] makes it.
    pub fn path_beside(output: &Path) -> PathBuf {
        let mut name = output.as_os_str().to_owned();
        name.push(".scratch");
        name.into()
    }

    /// Makes the scratch folder `dir`. One that is there is emptied.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn at(dir: PathBuf) -> Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot empty the scratch folder `{}`", dir.display()))?;
        }
        fs::create_dir_all(&dir).with_context(|| {
            format!("cannot make the scratch folder `{}`\n  help: the folder of the output must be writable", dir.display())
        })?;
        // Without symbolic links, as rustc will spell it in its linker call.
        let real = fs::canonicalize(&dir).with_context(|| format!("cannot find the scratch folder `{}`", dir.display()))?;
        let cwd = std::env::current_dir().context("cannot tell the working folder")?;
        Ok(Self { dir: real.strip_prefix(cwd).map_or_else(|_| real.clone(), Path::to_owned) })
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
        // A leftover is emptied by the next run, so failing to clean up is no reason to fail the action.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Moves a finished file into its place, in one step.
///
/// # Errors
/// If the file cannot be moved; nothing is left at `to` then.
pub fn publish(from: &Path, to: &Path) -> Result<()> {
    let moved = fs::rename(from, to).or_else(|error| {
        if error.kind() != std::io::ErrorKind::CrossesDevices {
            return Err(error);
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".copy");
        let copy = PathBuf::from(name);
        fs::copy(from, &copy).and_then(|_| fs::rename(&copy, to)).inspect_err(|_| drop(fs::remove_file(&copy)))
    });
    moved.with_context(|| cannot_write(to))
}

/// Copies a file into its place, in one step, by way of `scratch`.
///
/// # Errors
/// If the file cannot be written; nothing is left at `to` then.
pub fn publish_copy(scratch: &Scratch, from: &Path, to: &Path) -> Result<()> {
    let copy = scratch.subdir("publish")?.join(to.file_name().unwrap_or_default());
    fs::copy(from, &copy).with_context(|| cannot_write(to))?;
    publish(&copy, to)
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
        let from = scratch.subdir("publish")?.join(to.file_name().unwrap_or_default());
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

    #[test]
    fn made_anew_and_removed() {
        let output = std::env::temp_dir().join(format!("splitlink-scratch-{}/out", std::process::id()));
        let left = output.with_file_name("out.scratch/left");
        fs::create_dir_all(&left).unwrap();
        let scratch = Scratch::beside(&output).unwrap();
        assert!(!left.exists() && scratch.path().is_dir());
        publish_bytes(&scratch, b"whole", &output).unwrap();
        let dir = scratch.path().to_owned();
        drop(scratch);
        assert!(!dir.exists() && fs::read(&output).unwrap() == b"whole");
        assert!(Scratch::beside(&output.join("below a file")).unwrap_err().to_string().contains("must be writable"));
        fs::remove_dir_all(output.parent().unwrap()).unwrap();
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
