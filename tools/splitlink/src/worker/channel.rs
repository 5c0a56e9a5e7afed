//! What a worker and the process that it starts for an action say to each other, a line of JSON each, over that process's standard
//! input: it goes through any wrapper, and its end is the end of either side.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{BufRead, Write};
use std::path::PathBuf;

/// The first line to the process: what to do.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The phase and its options.
    pub options: Vec<String>,
    /// The scratch folder, where the one beside the output would be taken away while rustc is suspended.
    pub scratch: Option<PathBuf>,
    /// Whether the working folder is taken away while rustc is suspended.
    pub sandboxed: bool,
    /// If rustc is to be suspended at the metadata: what to write among the messages at that point.
    pub mark: Option<String>,
}

/// From the process: the metadata is published, and rustc stands still.
#[derive(Debug, Serialize, Deserialize)]
pub struct Suspended {
    /// rustc's process.
    pub pid: i32,
}

/// To the process: rustc shall go on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resume {
    /// Where the library goes.
    pub output: PathBuf,
    /// The metadata that dependents were compiled against.
    pub published: PathBuf,
}

/// From the process: rustc goes on. One that was ended while it stood still never says so.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resumed {}

/// Sends a message.
///
/// # Errors
/// If the other side has ended.
pub fn send(message: &impl Serialize, mut to: impl Write) -> Result<()> {
    let line = serde_json::to_string(message)? + "\n";
    to.write_all(line.as_bytes()).context("the other side of a worker's channel has ended")
}

/// Waits for a message; none if the other side has ended.
///
/// # Errors
/// If it is not the message that is expected.
pub fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> Result<Option<T>> {
    let mut line = Vec::new();
    // A side that was killed may leave half a line, and an error in place of an end.
    if from.read_until(b'\n', &mut line).is_err() || !line.ends_with(b"\n") {
        return Ok(None);
    }
    serde_json::from_slice(&line).context("a message in a worker's channel is not understood").map(Some)
}
