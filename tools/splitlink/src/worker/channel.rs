//! What a worker and the process that it starts for an action say to each other: a line of JSON
//! each.
//!
//! The channel is that process's standard input: it goes through any wrapper, and its end is the
//! end of either side.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;

/// The first line to the process: what to do.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The phase and its options.
    pub options: Vec<String>,
    /// The worker's folder, if any other folder named here is in it.
    pub place: Option<PathBuf>,
    /// The scratch folder to use, if the one beside the output would be removed while rustc is
    /// suspended.
    pub scratch: Option<PathBuf>,
    /// Whether the working folder is removed while rustc is suspended.
    pub sandboxed: bool,
    /// Where what rustc may use again is kept for the next build, if it is.
    pub incremental: Option<PathBuf>,
    /// If rustc is to be suspended at the metadata: what to write among the messages at that point.
    pub mark: Option<String>,
}

/// From the process: the metadata is published, and rustc stands still.
#[derive(Debug, Serialize, Deserialize)]
pub struct Suspended {
    /// rustc's process.
    pub pid: i32,
}

/// To the process: let rustc go on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resume {
    /// Where the library goes.
    pub output: PathBuf,
    /// The metadata that dependents were compiled against.
    pub published: PathBuf,
    /// The folder for the library's split debug information, if it has some.
    pub dwo_dir: Option<PathBuf>,
}

/// From the process: rustc goes on. One that was ended while it stood still never says so.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resumed {}

/// The longest message that is read, in bytes: a command and its environment are far below.
pub const LONGEST_MESSAGE: u64 = 64 << 20;

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
/// If it is not the message that is expected, or longer than any is.
pub fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> Result<Option<T>> {
    receive_up_to(LONGEST_MESSAGE, from)
}

fn receive_up_to<T: DeserializeOwned>(longest: u64, from: &mut impl BufRead) -> Result<Option<T>> {
    let mut line = Vec::new();
    // A side that was killed may leave half a line, or an error in place of the end.
    let whole = from.take(longest).read_until(b'\n', &mut line).is_ok() && line.ends_with(b"\n");
    if !whole {
        if line.len() as u64 >= longest {
            bail!("a message in a worker's channel is longer than {longest} bytes");
        }
        return Ok(None);
    }
    serde_json::from_slice(&line).context("a message in a worker's channel is not understood").map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_what_is_none() {
        let receive = |bytes: &[u8]| receive_up_to::<Suspended>(20, &mut &*bytes).map(|message| message.map(|message| message.pid));
        assert_eq!(receive(b"{\"pid\":7}\nmore").unwrap(), Some(7));
        // The other side has ended.
        for half in [&b""[..], b"{\"pid\":7}"] {
            assert_eq!(receive(half).unwrap(), None);
        }
        assert!(receive(b"{}\n").unwrap_err().to_string().contains("is not understood"));
        for long in [&b"{\"pid\":7            }\n"[..], &[b'x'; 1000]] {
            assert!(receive(long).unwrap_err().to_string().contains("longer than 20 bytes"));
        }
    }
}
