//! Programs are run with a limit of time, and their output is kept.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How a program went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Its exit status in words.
    pub(crate) status: String,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

impl Outcome {
    /// Whether it succeeded.
    pub(crate) fn success(&self) -> bool {
        self.status == "exit status: 0"
    }

    /// Both outputs, to be shown.
    pub(crate) fn shown(&self) -> String {
        format!("{}\n--- stdout\n{}\n--- stderr\n{}\n", self.status, self.stdout, self.stderr)
    }
}

/// The status of a program that was ended because it took too long.
const TIMED_OUT: &str = "timed out";

/// Runs `command` with its output in files of `scratch`, `seconds` at most.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn run(command: &mut Command, scratch: &Path, seconds: u64) -> Result<Outcome> {
    use std::os::unix::process::CommandExt;
    let (out, err) = (scratch.join("stdout.txt"), scratch.join("stderr.txt"));
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&err)?);
    // A group of its own, all of which is ended if it takes too long.
    let mut child = command.process_group(0).spawn().with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
    let (began, mut pause) = (Instant::now(), Duration::from_millis(1));
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status.to_string();
        }
        if began.elapsed() > Duration::from_secs(seconds) {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-9", "--", &group]).status();
            let _ = child.wait();
            break TIMED_OUT.to_owned();
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    let text = |path: &Path| -> Result<String> { Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned()) };
    Ok(Outcome { status, stdout: text(&out)?, stderr: text(&err)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes() {
        let scratch = std::env::temp_dir().join(format!("rustc-suite-running-{}", std::process::id()));
        fs::create_dir_all(&scratch).unwrap();
        let run = |script: &str, seconds| run(Command::new("sh").args(["-c", script]), &scratch, seconds).unwrap();
        let outcome = run("echo out; echo err >&2; exit 3", 60);
        assert_eq!((outcome.status.as_str(), outcome.stdout.as_str(), outcome.stderr.as_str()), ("exit status: 3", "out\n", "err\n"));
        assert!(run("true", 60).success());
        assert_eq!(run("sleep 600", 0).status, TIMED_OUT);
        fs::remove_dir_all(&scratch).unwrap();
    }
}
