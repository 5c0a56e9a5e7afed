//! The persistent worker protocol: its messages, and both ways in which they are framed.
//!
//! Messages and field numbers are those of Bazel's `worker_protocol.proto`. The build system does
//! not say which framing it speaks; its first two bytes tell.

use anyhow::{Context, Result, anyhow, bail};
use prost::Message;
use serde::{Deserialize, Deserializer, Serialize};
use std::io::{BufRead, BufReader, Cursor, Read, Write};

/// The longest request that is read, in bytes: that of an action with a million inputs.
const LONGEST_REQUEST: u64 = 256 << 20;

/// A file that an action may read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Input {
    /// Where it is, relative to the working folder.
    #[prost(string, tag = "1")]
    pub path: String,
    /// A digest of its contents, of whatever kind.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(deserialize_with = "opaque")]
    pub digest: Vec<u8>,
}

/// One thing to do.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkRequest {
    /// The lines of the action's response file.
    #[prost(string, repeated, tag = "1")]
    pub arguments: Vec<String>,
    /// What the action may read.
    #[prost(message, repeated, tag = "2")]
    pub inputs: Vec<Input>,
    /// The name of the request; 0 where the worker does one thing at a time.
    #[prost(int32, tag = "3")]
    pub request_id: i32,
    /// Whether this ends the request of that name, and is none itself.
    #[prost(bool, tag = "4")]
    pub cancel: bool,
    /// How much the worker writes to its log: nothing for 0.
    #[prost(int32, tag = "5")]
    pub verbosity: i32,
    /// The folder to work in, relative to the worker's; empty for the worker's own.
    #[prost(string, tag = "6")]
    pub sandbox_dir: String,
}

/// What came of a request.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkResponse {
    /// The exit code of the action.
    #[prost(int32, tag = "1")]
    pub exit_code: i32,
    /// What the action has to say to the user.
    #[prost(string, tag = "2")]
    pub output: String,
    /// The request's name.
    #[prost(int32, tag = "3")]
    pub request_id: i32,
    /// Whether the request was ended because the build system asked for it.
    #[prost(bool, tag = "4")]
    pub was_cancelled: bool,
}

/// JSON has a digest as text.
fn opaque<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    String::deserialize(deserializer).map(String::into_bytes)
}

/// How messages follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Protocol buffers, the length before each.
    Protobuf,
    /// JSON, a line each.
    Json,
}

impl Framing {
    /// Recognises the framing of `input`, and gives it back as it was.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn detect(mut input: impl Read + 'static) -> Result<(Self, Box<dyn BufRead>)> {
        // A message in protocol buffers may have the length 123, which is a `{`; but no field
        // begins with what follows one in JSON.
        let mut head = Vec::new();
        let mut byte = [0];
        while head.len() < 2 && input.read(&mut byte).context("cannot read what the build system asks for")? == 1 {
            head.push(byte[0]);
            if head[0] != b'{' {
                break;
            }
        }
        let framing = if matches!(head[..], [b'{', b'"' | b'}']) { Self::Json } else { Self::Protobuf };
        Ok((framing, Box::new(BufReader::new(Cursor::new(head).chain(input)))))
    }

    /// Reads the next request; none at the end.
    ///
    /// # Errors
    /// If it cannot be read or is not of this protocol.
    pub fn read(self, input: &mut impl BufRead) -> Result<Option<WorkRequest>> {
        match self {
            Self::Protobuf => {
                let Some(length) = read_length(input)? else { return Ok(None) };
                if length > LONGEST_REQUEST {
                    return Err(too_long());
                }
                let mut message = Vec::new();
                input.take(length).read_to_end(&mut message).context("cannot read what the build system asks for")?;
                if (message.len() as u64) < length {
                    bail!("a request ends after {} of {length} bytes", message.len());
                }
                let request = WorkRequest::decode(message.as_slice()).context("a request is not of the worker protocol");
                request.map(Some)
            }
            Self::Json => {
                let mut line = String::new();
                while line.trim().is_empty() {
                    line.clear();
                    let read = input.take(LONGEST_REQUEST).read_line(&mut line).context("cannot read what the build system asks for")?;
                    if read == 0 {
                        return Ok(None);
                    }
                    if read as u64 == LONGEST_REQUEST && !line.ends_with('\n') {
                        return Err(too_long());
                    }
                }
                serde_json::from_str(&line).context("a request is not of the worker protocol").map(Some)
            }
        }
    }

    /// Writes a response.
    ///
    /// # Errors
    /// If nobody reads it.
    pub fn write(self, response: &WorkResponse, output: &mut impl Write) -> Result<()> {
        let bytes = match self {
            Self::Protobuf => response.encode_length_delimited_to_vec(),
            Self::Json => (serde_json::to_string(response)? + "\n").into_bytes(),
        };
        output.write_all(&bytes).and_then(|()| output.flush()).context("cannot answer the build system")
    }
}

fn too_long() -> anyhow::Error {
    anyhow!("a request is longer than {LONGEST_REQUEST} bytes\n  help: is what speaks to the worker a build system?")
}

/// Reads a length as protocol buffers have it; none at the end.
fn read_length(input: &mut impl BufRead) -> Result<Option<u64>> {
    let mut length = 0_u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        if input.read(&mut byte).context("cannot read what the build system asks for")? == 0 {
            if shift == 0 {
                return Ok(None);
            }
            bail!("a request ends within its length");
        }
        length |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(Some(length));
        }
    }
    bail!("a request has no length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(arguments: &[&str]) -> WorkRequest {
        WorkRequest {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            inputs: vec![Input { path: "a.rs".to_owned(), digest: b"12".to_vec() }],
            request_id: 300,
            cancel: false,
            verbosity: 10,
            sandbox_dir: "__sandbox/1/_main".to_owned(),
        }
    }

    fn read_all(bytes: Vec<u8>) -> (Framing, Vec<WorkRequest>) {
        let (framing, mut input) = Framing::detect(Cursor::new(bytes)).unwrap();
        let mut requests = Vec::new();
        while let Some(request) = framing.read(&mut input).unwrap() {
            requests.push(request);
        }
        (framing, requests)
    }

    #[test]
    fn protocol_buffers_of_every_length() {
        for length in 0..300 {
            let wanted = [request(&["x".repeat(length).as_str()]), request(&[])];
            let bytes = wanted.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
            assert_eq!(read_all(bytes), (Framing::Protobuf, wanted.to_vec()), "{length}");
        }
        assert_eq!(read_all(Vec::new()), (Framing::Protobuf, vec![]));
    }

    #[test]
    fn json() {
        let line = r#"{"arguments":["metadata"],"inputs":[{"path":"a.rs","digest":"12"}],"requestId":7,"sandboxDir":"s"}"#;
        let (framing, requests) = read_all(format!("{line}\n\n{{\"requestId\":7,\"cancel\":true}}\n").into_bytes());
        assert_eq!((framing, requests.len()), (Framing::Json, 2));
        assert_eq!((requests[0].inputs[0].digest.as_slice(), requests[0].sandbox_dir.as_str()), (&b"12"[..], "s"));
        assert!(requests[1].cancel && requests[1].request_id == 7);
        let mut written = Vec::new();
        let response = WorkResponse { exit_code: 1, output: "no\n".to_owned(), request_id: 7, was_cancelled: false };
        framing.write(&response, &mut written).unwrap();
        assert_eq!(written, b"{\"exitCode\":1,\"output\":\"no\\n\",\"requestId\":7,\"wasCancelled\":false}\n");
    }

    #[test]
    fn what_is_no_request() {
        // The last is a length, of 2 GB.
        for bytes in [&b"\x05ab"[..], b"\x80", b"\x01\x08", b"\x80\x80\x80\x80\x08"] {
            let (framing, mut input) = Framing::detect(Cursor::new(bytes.to_vec())).unwrap();
            assert!(framing.read(&mut input).is_err(), "{bytes:?}");
        }
    }
}
