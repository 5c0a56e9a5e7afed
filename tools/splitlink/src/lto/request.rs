//! What link-only asks of the engine of fat LTO, a program of its own, and what that answers: JSON files.

pub use crate::plan::LtoOptions as Options;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;

/// The name of the engine's program.
pub const ENGINE: &str = "splitlink-lto";

/// A request: make one module of many, optimise it and generate its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The modules, in the order of the link line.
    pub modules: Vec<Bitcode>,
    /// The symbols that something outside the modules needs; all others become local.
    pub keep: Vec<String>,
    /// How to optimise.
    pub options: Options,
}

/// Where the bitcode of one module is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bitcode {
    /// What messages call it; the same in every place where it is built.
    pub name: String,
    /// The file that holds it.
    pub file: PathBuf,
    /// Where in the file it begins, in bytes.
    pub offset: usize,
    /// Its length in bytes.
    pub length: usize,
    /// Whether it takes part only when another needs one of its symbols, as a member of an archive does.
    pub on_demand: bool,
}

impl Bitcode {
    /// The bitcode.
    ///
    /// # Errors
    /// If the file cannot be read or is too short.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.length];
        let file = File::open(&self.file).with_context(|| format!("cannot read `{}`", self.file.display()))?;
        file.read_exact_at(&mut bytes, self.offset as u64)
            .with_context(|| format!("cannot read `{}` from `{}`", self.name, self.file.display()))?;
        Ok(bytes)
    }
}

/// What the engine made. Objects are named in order `0.o`, `1.o`, ... in the folder that it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// How many objects there are.
    pub objects: usize,
    /// How many of the modules took part.
    pub merged: usize,
    /// Milliseconds for merging, optimising and generating code.
    pub milliseconds: [u64; 3],
}

/// Reads a request or an answer.
///
/// # Errors
/// If there is none, or one of another version.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let value: serde_json::Value = serde_json::from_slice(&text).with_context(|| format!("`{}` is not JSON", path.display()))?;
    if value["version"].as_u64() != Some(VERSION.into()) {
        bail!(
            "`{}` is of version {}, and this program reads version {VERSION}\n  help: use `splitlink` and `{ENGINE}` of one release",
            path.display(),
            value["version"]
        );
    }
    serde_json::from_value(value).with_context(|| format!("`{}` does not have the form that its version promises", path.display()))
}
