//! What is asked of the engine of LTO, a program of its own, and what the engine answers: JSON files.

pub use crate::plan::LtoOptions as Options;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 2;

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
    /// Whether optimised bitcode comes out, whose code another generates, in place of objects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_bitcode: bool,
}

/// Another request: of each module, optimise it with what its index says of all others, and generate
/// its code. Names of files are relative to the engine's working folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinRequest {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The modules, of each of which one object is made.
    pub modules: Vec<ThinModule>,
    /// Whether code may lie anywhere in memory.
    pub position_independent: bool,
    /// How to optimise.
    pub options: Options,
}

/// A module and what is known of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinModule {
    /// What messages call it; the same in every place where it is built.
    pub name: String,
    /// Its bitcode. In the index it has this name, as the modules have that it imports from.
    pub file: String,
    /// The index.
    pub index: PathBuf,
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
    /// Whether it takes part only when another needs one of its symbols, as a member of an archive
    /// does.
    pub on_demand: bool,
}

impl Bitcode {
    /// The bitcode.
    ///
    /// # Errors
    /// If the file cannot be read or is too short.
    pub fn read(&self) -> Result<Vec<u8>> {
        let cannot = || format!("cannot read `{}`", self.file.display());
        let file = File::open(&self.file).with_context(cannot)?;
        let size = file.metadata().with_context(cannot)?.len();
        // Before so much memory is asked for.
        let end = (self.offset as u64).checked_add(self.length as u64);
        if end.is_none_or(|end| end > size) {
            bail!(
                "`{}` should be {} bytes from byte {} of `{}`, which has {size}\n  help: did the file change while it was linked? link again",
                self.name,
                self.length,
                self.offset,
                self.file.display()
            );
        }
        let mut bytes = vec![0; self.length];
        file.read_exact_at(&mut bytes, self.offset as u64)
            .with_context(|| format!("cannot read `{}` from `{}`", self.name, self.file.display()))?;
        Ok(bytes)
    }
}

/// What the engine made. Objects are named in order `0.o`, `1.o`, ... in the folder that it was
/// given, bitcode `0.bc`, `1.bc`, ...
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// How many objects or modules of bitcode there are.
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
    parse(&text).with_context(|| format!("cannot use `{}`", path.display()))
}

/// Takes the text of a request or an answer apart.
///
/// # Errors
/// If it is none, or one of another version.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    let value: serde_json::Value = serde_json::from_slice(text).context("it is not JSON")?;
    if value["version"].as_u64() != Some(VERSION.into()) {
        bail!(
            "it is of version {}, and this program reads version {VERSION}\n  help: use `splitlink` and `{ENGINE}` of one release",
            value["version"]
        );
    }
    serde_json::from_value(value).context("it does not have the form that its version promises")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_read() {
        let dir = std::env::temp_dir().join(format!("splitlink-request-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("module.o");
        fs::write(&file, "0123456789").unwrap();
        let read = |offset, length| Bitcode { name: "module".into(), file: file.clone(), offset, length, on_demand: false }.read();
        assert_eq!(read(2, 8).unwrap(), b"23456789");
        assert_eq!(read(10, 0).unwrap(), b"");
        for (offset, length) in [(2, 9), (11, 0), (0, usize::MAX), (usize::MAX, usize::MAX), (usize::MAX, 2)] {
            let message = read(offset, length).unwrap_err().to_string();
            assert!(message.contains("module.o`, which has 10") && message.contains("help: "), "{offset} {length}: {message}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
