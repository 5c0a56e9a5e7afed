//! The processes that a worker starts for one action: a wrapper, if there is one, splitlink, and
//! rustc.

use super::attached::ATTACHED;
use super::channel::{self, Resume, Resumed, Start, Suspended};
use super::incremental::InUse;
use crate::files::scratch;
use crate::rustc::command;
use crate::rustc::processors::Share;
use crate::worker::action::Action;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, PipeReader};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for messages that are on their way: through a wrapper that holds them back, or
/// of a process that an action left.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of an action.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// What it had to say.
    pub output: Vec<u8>,
}

/// How an action goes on.
#[derive(Debug)]
pub enum Progress {
    /// The metadata is out and rustc stands still.
    Suspended(Suspended),
    /// All its processes have ended, or are about to.
    Ended,
}

/// What the reader of an action's messages has come to.
enum Read {
    Mark,
    End,
}

/// The processes of one action. They end with it.
#[derive(Debug)]
pub struct Job {
    child: Child,
    channel: BufReader<UnixStream>,
    output: Arc<Mutex<Vec<u8>>>,
    read: Receiver<Read>,
    share: Share,
    /// What is removed with the job if it does not come to its end.
    left: Left,
    /// The folder that it has while it is there.
    pub incremental: Option<InUse>,
}

/// What a job that is ended may leave behind.
#[derive(Debug)]
pub enum Left {
    /// A folder that is its own alone.
    Folder(PathBuf),
    /// Scratch folders beside these outputs.
    Beside(Vec<PathBuf>),
}

impl Job {
    /// Starts `action` in the folder `cwd`, by way of the splitlink `program`, with a `share` of
    /// the processors; `left` is what it will make beside its outputs.
    ///
    /// # Errors
    /// If a process cannot be started.
    pub fn start(action: &Action, program: &str, cwd: &Path, start: &Start, left: Left, share: Share) -> Result<Self> {
        let mut command = action.to_command(program, &[ATTACHED.to_owned()], Some(cwd))?;
        let (own, theirs) = UnixStream::pair().context("cannot make a channel")?;
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        command.stdin(OwnedFd::from(theirs));
        command.stdout(writer.try_clone().context("cannot make a pipe")?).stderr(writer);
        share.give_to(&mut command);
        share.start();
        let child = command.spawn().with_context(|| command::cannot_start("the command", &command.get_program().to_string_lossy()))?;
        // The command holds ends of its own, which would keep the reader waiting.
        drop(command);
        let output = Arc::<Mutex<Vec<u8>>>::default();
        let (sender, read) = mpsc::channel();
        let (into, mark) = (Arc::clone(&output), start.mark.clone());
        std::thread::spawn(move || read_messages(reader, mark.as_deref(), &into, &sender));
        // If it has ended already, that shows when it is waited for.
        let _ = channel::send(start, &own);
        Ok(Self { child, channel: BufReader::new(own), output, read, share, left, incremental: None })
    }

    /// A handle with which another thread can end the job.
    ///
    /// # Errors
    /// If the system has no more of them.
    pub fn ending(&self) -> Result<Ending> {
        self.channel.get_ref().try_clone().map(Ending).context("cannot copy a channel")
    }

    /// Waits until rustc stands still or all is over.
    pub fn wait(&mut self) -> Progress {
        match channel::receive(&mut self.channel) {
            Ok(Some(suspended)) => {
                self.share.stop();
                self.await_reader(|read| matches!(read, Read::Mark));
                Progress::Suspended(suspended)
            }
            _ => Progress::Ended,
        }
    }

    /// What the action has said since this was last asked.
    pub fn take_output(&self) -> Vec<u8> {
        std::mem::take(&mut self.output.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has rustc go on, and says whether it does: it may have been killed.
    pub fn resume(&mut self, resume: &Resume) -> bool {
        self.share.start();
        let sent = channel::send(resume, self.channel.get_ref()).is_ok();
        sent && matches!(channel::receive::<Resumed>(&mut self.channel), Ok(Some(_)))
    }

    /// Waits for the end, and says what came of it.
    pub fn finish(&mut self) -> Outcome {
        while matches!(self.wait(), Progress::Suspended(_)) {}
        let status = self.child.wait();
        self.await_reader(|read| matches!(read, Read::End));
        self.clean_up();
        let code = status.map_or(1, |status| i32::from(command::ChildFailed::from_status(status).code));
        Outcome { code, output: self.take_output() }
    }

    /// Ends the job and leaves nothing of it.
    pub fn end(mut self) {
        let _ = self.channel.get_ref().shutdown(Shutdown::Both);
        let _ = self.child.wait();
        self.clean_up();
    }

    /// Removes what a job that was ended may have left.
    fn clean_up(&self) {
        match &self.left {
            Left::Folder(dir) => drop(std::fs::remove_dir_all(dir)),
            Left::Beside(outputs) => outputs.iter().for_each(|output| scratch::remove_left_beside(output)),
        }
    }

    fn await_reader(&self, wanted: impl Fn(&Read) -> bool) {
        while let Ok(read) = self.read.recv_timeout(PATIENCE) {
            if wanted(&read) {
                return;
            }
        }
    }
}

/// Ends a job from another thread.
#[derive(Debug)]
pub struct Ending(UnixStream);

impl Ending {
    /// Ends the job; whoever waits for it learns that it has ended.
    pub fn end(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn read_messages(pipe: PipeReader, mark: Option<&str>, into: &Mutex<Vec<u8>>, sender: &mpsc::Sender<Read>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
        let marked = mark.is_some_and(|mark| line.windows(mark.len()).any(|part| part == mark.as_bytes()));
        if marked {
            let _ = sender.send(Read::Mark);
        } else {
            into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&line);
        }
        line.clear();
    }
    let _ = sender.send(Read::End);
}
