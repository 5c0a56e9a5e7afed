//! What a build sent to a cluster and got from it, by Bazel's log of such calls
//! (`--remote_grpc_log`).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use prost::Message;

/// How many bytes of files went in each direction. Calls themselves are not in it, nor what a
/// result has in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// To the cluster: inputs, and what describes actions and their folders.
    pub up: u64,
    /// From the cluster.
    pub down: u64,
}

/// A call: `LogEntry` of Bazel 7.7's `remote_execution_log.proto`, as far as it tells of bytes.
#[derive(Clone, PartialEq, Message)]
struct Call {
    #[prost(message, tag = "4")]
    details: Option<Details>,
}

/// `RpcCallDetails`.
#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(message, tag = "5")]
    read: Option<Bytes>,
    #[prost(message, tag = "6")]
    write: Option<Bytes>,
}

/// `ReadDetails` and `WriteDetails`, which have the number in the same field.
#[derive(Clone, PartialEq, Message)]
struct Bytes {
    #[prost(int64, tag = "3")]
    bytes: i64,
}

/// Reads a log.
///
/// # Errors
/// If it is not there or not understood.
pub fn read(path: &Path) -> Result<Traffic> {
    let log = fs::read(path).with_context(|| format!("cannot read the log of remote calls `{}`", path.display()))?;
    traffic(&log).with_context(|| format!("`{}` is no log of remote calls", path.display()))
}

fn traffic(mut log: &[u8]) -> Result<Traffic> {
    let mut all = Traffic::default();
    while !log.is_empty() {
        let Details { read, write } = Call::decode_length_delimited(&mut log)?.details.unwrap_or_default();
        let bytes = |bytes: Option<Bytes>| u64::try_from(bytes.unwrap_or_default().bytes);
        all.down += bytes(read)?;
        all.up += bytes(write)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_all_calls_are_counted_by_direction() {
        let read = |bytes| Details { read: Some(Bytes { bytes }), write: None };
        let write = |bytes| Details { read: None, write: Some(Bytes { bytes }) };
        let calls = [Some(read(5)), Some(write(7)), None, Some(write(300)), Some(Details::default())];
        let log: Vec<u8> = calls.into_iter().flat_map(|details| Call { details }.encode_length_delimited_to_vec()).collect();
        assert_eq!(traffic(&log).unwrap(), Traffic { up: 307, down: 5 });
        assert!(traffic(&log[..log.len() - 1]).is_err());
    }
}
