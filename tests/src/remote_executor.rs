//! The remote executor that tests may use, where there is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::rustc_fixture::tools::skip;

/// What says where the executor is.
const EXECUTOR: &str = "SPLITLINK_REMOTE_EXECUTOR";
/// What says where `dev/cluster` keeps the files of the one that it has started.
const CLUSTER: &str = "SPLITLINK_CLUSTER";

/// Whether there is a remote executor.
pub fn is_set() -> bool {
    std::env::var_os(EXECUTOR).is_some()
}

/// The executor, if there is one; else says aloud what is not tested.
pub fn executor() -> Option<String> {
    let found = std::env::var(EXECUTOR).ok();
    if found.is_none() {
        skip(&format!(
            "no remote executor: nothing is built remotely; `dev/test remote` starts one for these tests, or set {EXECUTOR} to another \
             (grpc://HOST:PORT, of the remote execution API, whose workers have gcc, python3 and this rustc on their PATH)"
        ));
    }
    found
}

/// The platform property of machines with this one's processor.
const ISA: &str = if cfg!(target_arch = "aarch64") { "ISA=arm-a64" } else { "ISA=x86-64" };

/// The cluster of `dev/cluster`, whose parts may be disturbed.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    /// The cluster that this process runs with, if it is one of `dev/cluster`; else says aloud what is
    /// not tested.
    pub fn of_this_run() -> Option<Self> {
        let folder = std::env::var_os(CLUSTER);
        if folder.is_none() {
            skip("the remote executor is none of `dev/cluster`: nothing is killed in it; `dev/test remote` does that");
        }
        Some(Self { folder: folder?.into() })
    }

    /// Bazel's flag for the platform properties of actions.
    pub const PROPERTIES: &'static str = "--remote_default_exec_properties";

    /// The platform property of the machine that stands for those of another processor.
    pub const ELSEWHERE: &'static str = "runner=other";

    /// Bazel's flag by which actions go to machines of this one's processor; none where the
    /// executor is none of `dev/cluster`.
    pub fn properties() -> Option<String> {
        std::env::var_os(CLUSTER).map(|_| format!("{}={ISA}", Self::PROPERTIES))
    }

    /// Removes all files from the server's store.
    ///
    /// # Errors
    /// If there are none, or one cannot be removed.
    pub fn forget(&self) -> Result<()> {
        let removed = remove_files(&self.folder.join("files/cas/objects"))?;
        ensure!(removed > 0, "the cluster in `{}` has no files", self.folder.display());
        Ok(())
    }

    /// The process of the worker that runs splitlink's `phase`, if one does.
    ///
    /// # Errors
    /// If the machine's processes cannot be listed.
    pub fn worker_that_runs(&self, phase: &str) -> Result<Option<u32>> {
        for process in processes()? {
            let words = words(process);
            if !words.first().is_some_and(|name| name.ends_with("splitlink")) || !words[1..].iter().any(|word| word == phase) {
                continue;
            }
            let mut above = Some(process);
            while let Some(process) = above {
                if self::words(process).first().is_some_and(|name| name.ends_with("buildbox-worker")) {
                    return Ok(Some(process));
                }
                above = parent(process);
            }
        }
        Ok(None)
    }

    /// Sends a signal to the server.
    ///
    /// # Errors
    /// If it is not found.
    pub fn signal_server(&self, signal: &str) -> Result<()> {
        let is_server = |process: &u32| words(*process).windows(2).any(|pair| pair == ["server", "start"]);
        let server = processes()?.into_iter().find(is_server).context("the cluster's server does not run")?;
        let sent = Command::new("kill").args([format!("-{signal}"), server.to_string()]).status()?;
        ensure!(sent.success(), "cannot send {signal} to the cluster's server");
        Ok(())
    }
}

/// Removes the files below `folder`; returns how many.
fn remove_files(folder: &Path) -> Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed += remove_files(&entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn processes() -> Result<Vec<u32>> {
    Ok(fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// A process's command line; of one that is gone, nothing.
fn words(process: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn parent(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok().filter(|parent| *parent != 0)
}
