//! How many threads a rustc process generates code on, so that several processes share the
//! processors.
//!
//! rustc takes as many threads as a job server (GNU make's) gives it tokens for, beside a first one
//! that needs none. Without a job server it takes up to 32 (`default_client` in rustc 1.95's
//! `rustc_data_structures::jobserver`), and such processes push each other out of the caches.
//!
//! So each process has a job server of its own here, and all that a worker runs at a time have as
//! many threads as there are processors. Tokens belong to one process and end with it. So none is
//! lost when it is ended, and no process ever waits for another.

use anyhow::{Context, Result};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No process has more threads than it would have by itself.
const MOST_THREADS: usize = 32;

/// How a process that a worker starts learns of its job server: the numbers of both ends of the
/// pipe, `3,4`. Not make's own variable, since a wrapper in between may have closed the pipe, and
/// rustc would then warn.
const VARIABLE: &str = "SPLITLINK_JOB_SERVER";

/// Where rustc looks for a job server, in its order.
const RUSTCS_VARIABLES: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// How long fewer processes must have run before each gets more threads: mostly the next one starts
/// at once, and threads that have work cannot be taken back.
const FREE_FOR: Duration = Duration::from_millis(100);

/// The processors of the machine.
#[derive(Debug)]
pub struct Processors {
    count: usize,
    free_for: Duration,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    servers: Vec<Arc<JobServer>>,
    /// How often the table has changed.
    changes: u64,
    /// Among how many the processors are divided: as many as there are, or were a moment ago.
    among: usize,
}

/// What one process has of them.
#[derive(Debug)]
pub struct Share {
    of: Arc<Processors>,
    server: Arc<JobServer>,
}

/// The pipe in which a process's free tokens are.
#[derive(Debug)]
struct JobServer {
    reader: PipeReader,
    writer: PipeWriter,
    /// How many tokens there are, in the pipe or in use.
    tokens: AtomicUsize,
}

impl Processors {
    /// The processors that this process may use.
    pub fn of_this_machine() -> Arc<Self> {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from), FREE_FOR)
    }

    fn new(count: usize, free_for: Duration) -> Arc<Self> {
        Arc::new(Self { count, free_for, running: Mutex::default() })
    }

    /// A share for a process that does not run yet.
    ///
    /// # Errors
    /// If the system has no more pipes.
    pub fn share(self: &Arc<Self>) -> Result<Share> {
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        // What a process holds at the moment cannot be taken from it; that is no reason to wait.
        rustix::io::ioctl_fionbio(&reader, true).context("cannot set up a pipe")?;
        Ok(Share { of: Arc::clone(self), server: Arc::new(JobServer { reader, writer, tokens: AtomicUsize::new(0) }) })
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Divides the processors among `running`.
    fn divide(&self, running: &Running) {
        let threads = (self.count / running.among.max(1)).clamp(1, MOST_THREADS);
        for server in &running.servers {
            server.set(threads - 1);
        }
    }

    /// Divides them among those that are left, if none has come or gone since `change`.
    fn settle(&self, change: u64) {
        let mut running = self.running();
        if running.changes == change {
            running.among = running.servers.len();
            self.divide(&running);
        }
    }
}

impl Share {
    /// Lets `command`, which runs splitlink and by way of that rustc, have the share.
    pub fn give_to(&self, command: &mut Command) {
        let ends = self.pass_on(command);
        command.env(VARIABLE, ends);
    }

    /// Has `command` inherit the pipe, and returns the numbers of its ends.
    fn pass_on(&self, command: &mut Command) -> String {
        let server = Arc::clone(&self.server);
        let keep_open = move || {
            fcntl_setfd(&server.reader, FdFlags::empty())?;
            fcntl_setfd(&server.writer, FdFlags::empty())?;
            Ok(())
        };
        // SAFETY: between fork and exec it makes two system calls and touches no memory that is not its own.
        #[allow(unsafe_code, reason = "what a child inherits must be marked so in the child: other threads start processes, too")]
        unsafe {
            command.pre_exec(keep_open);
        }
        format!("{},{}", self.server.reader.as_raw_fd(), self.server.writer.as_raw_fd())
    }

    /// The process runs from now on.
    pub fn start(&self) {
        let mut running = self.of.running();
        running.servers.push(Arc::clone(&self.server));
        running.changes += 1;
        running.among = running.among.max(running.servers.len());
        self.of.divide(&running);
    }

    /// The process runs no longer, or stands still.
    pub fn stop(&self) {
        let mut running = self.of.running();
        let Some(at) = running.servers.iter().position(|server| Arc::ptr_eq(server, &self.server)) else { return };
        running.servers.swap_remove(at);
        running.changes += 1;
        let (processors, change) = (Arc::clone(&self.of), running.changes);
        let settle = move || {
            std::thread::sleep(processors.free_for);
            processors.settle(change);
        };
        // Without it, the others go on with what they have.
        let _ = std::thread::Builder::new().spawn(settle);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.stop();
    }
}

impl JobServer {
    /// Has the process have `wanted` tokens, or more if it is using them.
    fn set(&self, wanted: usize) {
        let mut tokens = self.tokens.load(Ordering::Relaxed);
        while tokens < wanted && (&self.writer).write(b"+").is_ok() {
            tokens += 1;
        }
        while tokens > wanted && matches!((&self.reader).read(&mut [0]), Ok(1)) {
            tokens -= 1;
        }
        self.tokens.store(tokens, Ordering::Relaxed);
    }
}

/// Gives `rustc` the job server that a worker has given this process, if there is one and it is
/// still open; else one for all processors, unless the environment names one. What is returned must
/// live until `rustc` has ended.
///
/// # Errors
/// If the system has no more pipes.
pub fn limit_threads(rustc: &mut Command) -> Result<Option<Share>> {
    rustc.env_remove(VARIABLE);
    let is_open = |end: &str| fs::metadata(format!("/proc/self/fd/{end}")).is_ok_and(|end| end.file_type().is_fifo());
    let given = std::env::var(VARIABLE).ok().filter(|ends| ends.split(',').all(is_open));
    let (ends, share) = match given {
        Some(ends) => (ends, None),
        None if RUSTCS_VARIABLES.iter().any(|name| std::env::var_os(name).is_some()) => return Ok(None),
        None => {
            let share = Processors::of_this_machine().share()?;
            share.start();
            (share.pass_on(rustc), Some(share))
        }
    };
    rustc.env(RUSTCS_VARIABLES[0], format!("-j --jobserver-fds={ends} --jobserver-auth={ends}"));
    Ok(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than a test.
    const LONG: Duration = Duration::from_secs(3600);

    fn threads(shares: &[&Share]) -> Vec<usize> {
        shares.iter().map(|share| share.server.tokens.load(Ordering::Relaxed) + 1).collect()
    }

    #[test]
    fn all_that_run_share_the_processors() {
        let processors = Processors::new(8, LONG);
        let changes = || processors.running().changes;
        let [a, b, c] = [(); 3].map(|()| processors.share().unwrap());
        a.start();
        assert_eq!(threads(&[&a]), [8]);
        b.start();
        c.start();
        assert_eq!(threads(&[&a, &b, &c]), [2, 2, 2]);
        b.stop();
        assert_eq!(threads(&[&a, &c]), [2, 2], "another may start at once");
        let before = changes() - 1;
        processors.settle(before);
        assert_eq!(threads(&[&a, &c]), [2, 2], "somebody has come or gone in between");
        let now = changes();
        processors.settle(now);
        assert_eq!(threads(&[&a, &c]), [4, 4]);
        a.stop();
        b.start();
        assert_eq!(threads(&[&b, &c]), [4, 4]);
    }

    #[test]
    fn what_stays_free_is_divided() {
        let processors = Processors::new(8, Duration::ZERO);
        let [a, b] = [(); 2].map(|()| processors.share().unwrap());
        a.start();
        b.start();
        drop(a);
        while threads(&[&b]) != [8] {
            std::thread::yield_now();
        }
    }

    #[test]
    fn tokens_in_use_are_taken_back_later() {
        let processors = Processors::new(2, LONG);
        let [a, b, c] = [(); 3].map(|()| processors.share().unwrap());
        a.start();
        assert_eq!((&a.server.reader).read(&mut [0]).unwrap(), 1);
        b.start();
        assert_eq!(threads(&[&a, &b]), [2, 1]);
        (&a.server.writer).write_all(b"+").unwrap();
        c.start();
        assert_eq!(threads(&[&a, &b, &c]), [1, 1, 1]);
    }

    #[test]
    fn no_more_threads_than_rustc_would_have() {
        let share = Processors::new(100, LONG).share().unwrap();
        share.start();
        assert_eq!(threads(&[&share]), [MOST_THREADS]);
    }
}
