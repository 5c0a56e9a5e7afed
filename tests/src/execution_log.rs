//! Bazel's execution log (`--execution_log_json_file`): what ran, how and when.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// An action that was run.
#[derive(Debug, Clone, PartialEq)]
pub struct Spawn {
    /// What kind of action it is: `SplitlinkMetadata`, say.
    pub mnemonic: String,
    /// How it was run: `worker`, `linux-sandbox` and so on.
    pub runner: String,
    /// How many bytes its inputs have together.
    pub input_bytes: u64,
    /// The first file that it writes.
    pub output: String,
    /// When it began, in seconds since midnight (UTC).
    pub start: f64,
    /// How many seconds it took.
    pub seconds: f64,
}

/// Reads a log.
///
/// # Errors
/// If it is not there or not understood.
pub fn read(path: &Path) -> Result<Vec<Spawn>> {
    let file = BufReader::new(File::open(path).with_context(|| format!("cannot open the execution log `{}`", path.display()))?);
    serde_json::Deserializer::from_reader(file).into_iter::<Value>().map(|value| spawn(&value?)).collect()
}

fn spawn(value: &Value) -> Result<Spawn> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metrics = &value["metrics"];
    let (start, took) = (text(&metrics["startTime"]), text(&metrics["totalTime"]));
    Ok(Spawn {
        mnemonic: text(&value["mnemonic"]),
        runner: text(&value["runner"]),
        input_bytes: value["inputs"].as_array().into_iter().flatten().map(size).sum(),
        output: text(&value["listedOutputs"][0]),
        start: since_midnight(&start).with_context(|| format!("the execution log's time `{start}`"))?,
        seconds: took.strip_suffix('s').and_then(|seconds| seconds.parse().ok()).with_context(|| format!("the time `{took}`"))?,
    })
}

/// The size of a file. In JSON that form of numbers is a text.
fn size(file: &Value) -> u64 {
    file["digest"]["sizeBytes"].as_str().and_then(|size| size.parse().ok()).unwrap_or_default()
}

/// Reads a time as in `2026-01-31T12:34:56.789Z`.
fn since_midnight(time: &str) -> Option<f64> {
    let mut parts = time.split_once('T')?.1.strip_suffix('Z')?.split(':').map(|part| part.parse::<f64>().ok());
    Some((parts.next()?? * 60.0 + parts.next()??) * 60.0 + parts.next()??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        assert_eq!(since_midnight("2026-01-31T01:02:03.500Z"), Some(3723.5));
        assert_eq!(since_midnight("2026-01-31T00:00:00Z"), Some(0.0));
        assert_eq!(since_midnight("yesterday"), None);
    }
}
