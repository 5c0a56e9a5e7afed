//! What the driver keeps of a file that it made, found again by the file's contents: tests move,
//! copy and rename what they build.

use super::Settings;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use twox_hash::XxHash3_128;

/// What is known of a file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Whether it is a proc macro.
    pub(crate) proc_macro: bool,
    /// Of a Rust dylib: the metadata that crates are compiled against.
    pub(crate) metadata: Option<PathBuf>,
    /// Of a Rust dylib: its manifest.
    pub(crate) manifest: Option<PathBuf>,
    /// Of a library: the same, compiled with LTO the other way round.
    pub(crate) variant: Option<PathBuf>,
}

/// Where what is known of `file` is kept.
fn entry(settings: &Settings, file: &Path) -> Result<PathBuf> {
    Ok(settings.store().join(format!("{:032x}.json", XxHash3_128::oneshot(&fs::read(file)?))))
}

/// Notes what is known of `file`.
pub(crate) fn keep(settings: &Settings, file: &Path, known: &Known) -> Result<()> {
    fs::create_dir_all(settings.store())?;
    Ok(fs::write(entry(settings, file)?, serde_json::to_vec(known)?)?)
}

/// What is known of `file`, if the driver made it.
pub(crate) fn known(settings: &Settings, file: &Path) -> Option<Known> {
    serde_json::from_slice(&fs::read(entry(settings, file).ok()?).ok()?).ok()
}

/// A new folder in the store.
pub(crate) fn new_folder(settings: &Settings) -> Result<PathBuf> {
    for number in 0.. {
        let folder = settings.store().join(number.to_string());
        fs::create_dir_all(settings.store())?;
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => {
                made?;
                return Ok(folder);
            }
        }
    }
    unreachable!("there is always another number")
}
