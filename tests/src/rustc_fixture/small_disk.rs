//! A file system that is easily full, or read-only.

use super::project::good;
use super::tools::{run, skip};
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system, mounted for as long as this lives.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of `kilobytes` at `dir`; none where this user may not mount, which is said aloud.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn mount(dir: PathBuf, kilobytes: u32) -> Result<Option<Self>> {
        fs::create_dir_all(&dir)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k,mode=0755"), "tmpfs"]).arg(&dir);
        if run(&mut mount).is_ok_and(|output| output.status.success()) {
            return Ok(Some(Self(dir)));
        }
        skip("no right to mount a file system: a full and a read-only disk are not tested; run the tests as root for it");
        Ok(None)
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Nothing on it can be changed any more.
    ///
    /// # Errors
    /// If it cannot be told so.
    pub fn make_read_only(&self) -> Result<()> {
        good(&run(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
