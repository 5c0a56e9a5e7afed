//! The side of the process that a worker starts for an action.
//!
//! It stands between a wrapper and rustc, where [`crate::compile::metadata`] and its like stand
//! without a worker. It lives no longer than the worker wants it to.

use super::channel::{self, Resume, Resumed, Start, Suspended};
use super::place::Hold;
use crate::rustc::command::ChildFailed;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fs;
use std::io::{BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// The argument by which a process learns that a worker has started it.
pub const ATTACHED: &str = "attached";

/// How long a process that is killed may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The worker, as seen by the process that it started.
#[derive(Debug)]
pub struct Worker {
    channel: UnixStream,
    resumed: Receiver<Resume>,
    /// Whether rustc is suspended, so that this process may end in order when the worker ends.
    still: Arc<AtomicBool>,
    /// rustc's process group, once it has started; 0 before.
    group: Arc<AtomicI32>,
    /// The scratch folder to use in place of the one beside the output.
    pub scratch: Option<PathBuf>,
    /// Whether the working folder is taken away while rustc is suspended.
    pub sandboxed: bool,
    /// Where what rustc may use again is kept for the next build, if it is.
    pub incremental: Option<PathBuf>,
    mark: Option<String>,
    _hold: Option<Hold>,
}

/// The folder that a path names now, even if it names another one later.
fn folder_at(path: Option<&Path>) -> Option<(u64, u64)> {
    path.and_then(|path| fs::symlink_metadata(path).ok()).map(|found| (found.dev(), found.ino()))
}

impl Worker {
    /// Finds the worker behind standard input, and learns from it what to do: the phase and its
    /// options.
    ///
    /// # Errors
    /// If no worker is there.
    pub fn connect() -> Result<(Vec<String>, Self)> {
        let channel = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().context("there is no standard input")?);
        let mut reader = BufReader::new(channel.try_clone().context("cannot talk to the worker")?);
        let Some(Start { options, place, scratch, sandboxed, incremental, mark }) = channel::receive(&mut reader)? else {
            bail!("no worker is there\n  help: `splitlink {ATTACHED}` is for `splitlink worker` to call");
        };
        let hold = match place {
            // Where it is gone, its worker has ended, and nobody wants the result any more.
            Some(place) => Some(Hold::of(&place)?.ok_or(ChildFailed { code: 1 })?),
            None => None,
        };
        let still = Arc::new(AtomicBool::new(false));
        let (sender, resumed) = mpsc::channel();
        let group = Arc::new(AtomicI32::new(0));
        let (watched_still, watched_group) = (Arc::clone(&still), Arc::clone(&group));
        std::thread::spawn(move || {
            while let Ok(Some(resume)) = channel::receive(&mut reader) {
                if sender.send(resume).is_err() {
                    return;
                }
            }
            // Nobody wants the result any more. While rustc stands still, the thread that waits
            // here ends it in order.
            if !watched_still.load(Ordering::SeqCst) {
                let group = watched_group.load(Ordering::SeqCst);
                signal(group, Signal::KILL);
                if group != 0 {
                    // The thread that waits for rustc ends this process, once rustc has ended.
                    std::thread::sleep(PATIENCE);
                }
                std::process::exit(1);
            }
        });
        Ok((options, Self { channel, resumed, still, group, scratch, sandboxed, incremental, mark, _hold: hold }))
    }

    /// Whether rustc is to be suspended when the metadata is out.
    pub fn suspends(&self) -> bool {
        self.mark.is_some()
    }

    /// Learns that rustc has started, as the first process of a group of its own.
    pub fn started(&self, rustc: &Child) {
        self.group.store(i32::try_from(rustc.id()).unwrap_or(0), Ordering::SeqCst);
    }

    /// Holds `rustc` at this point, has the metadata published, and waits until somebody wants the
    /// code.
    ///
    /// # Errors
    /// If the metadata cannot be published, or nobody wants the code.
    pub fn suspend(&self, rustc: &Child, json: bool, publish: impl FnOnce() -> Result<()>) -> Result<Resume> {
        let group = self.group.load(Ordering::SeqCst);
        let folder = folder_at(self.scratch.as_deref());
        // It may have ended already: a short crate.
        signal(group, Signal::STOP);
        publish().inspect_err(|_| signal(group, Signal::KILL))?;
        let mark = self.mark.as_deref().unwrap_or_default();
        let mark = if json { crate::rustc::diagnostics::message_as_json("note", mark, &format!("{mark}\n")) } else { mark.to_owned() };
        let _ = writeln!(std::io::stderr(), "{mark}");
        self.still.store(true, Ordering::SeqCst);
        let resume = channel::send(&Suspended { pid: group }, &self.channel).ok().and_then(|()| self.resumed.recv().ok());
        // Somebody may have cleared the folder meanwhile, and even have put another in its place.
        let is_own = folder_at(self.scratch.as_deref()) == folder;
        let Some(resume) = resume.filter(|_| is_own && !was_killed(rustc)) else {
            signal(group, Signal::KILL);
            return Err(ChildFailed { code: 1 }.into());
        };
        self.still.store(false, Ordering::SeqCst);
        channel::send(&Resumed {}, &self.channel).inspect_err(|_| signal(group, Signal::KILL))?;
        signal(group, Signal::CONT);
        Ok(resume)
    }
}

/// Sends a signal to a process group; does nothing if it is gone.
fn signal(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = kill_process_group(group, signal);
    }
}

/// Whether rustc was killed while it was suspended. A process that is being killed is neither
/// suspended nor ended for a moment, so this waits until it is one of them.
fn was_killed(rustc: &Child) -> bool {
    let id = i32::try_from(rustc.id()).ok().and_then(Pid::from_raw);
    let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
    let status = id.and_then(|id| waitid(WaitId::Pid(id), options).ok().flatten());
    status.is_none_or(|status| status.killed() || status.dumped())
}
