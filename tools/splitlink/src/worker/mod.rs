//! The persistent worker: metadata and code of a library from one rustc process.
//!
//! `metadata` and `codegen` are two actions. Without a worker they are two rustc runs, and what
//! rustc does before it generates code is done twice. Here the metadata request starts rustc and is
//! answered when the metadata is out. rustc is then [`suspended`], until the codegen request for
//! the same crate, with the same command and inputs, resumes it. So nothing runs that the build
//! system has not scheduled.
//!
//! ```text
//! build system ── requests ([`protocol`]) ──► splitlink worker
//!                                                │ socket ([`channel`])
//!                                                └─► wrapper ─► splitlink ([`attached`]) ─► rustc
//! ```
//!
//! A suspended process may be ended at any time: the codegen request then runs rustc from the
//! start, as it would without a worker. Each process ends with the one that started it, however
//! that ends.

pub mod action;
pub(crate) mod attached;
pub(crate) mod channel;
pub(crate) mod incremental;
pub(crate) mod job;
pub(crate) mod native;
pub(crate) mod place;
pub mod protocol;
pub(crate) mod server;
pub(crate) mod suspended;
pub(crate) mod twins;

use crate::rustc::command;
use action::Action;
use anyhow::{Context, Result, bail};
use protocol::{Framing, WorkResponse};
use server::RequestServer;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use suspended::{Limits, Suspended};

/// The subcommand's name.
pub const NAME: &str = "worker";

/// The options of the subcommand.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Serve requests on standard input until it ends; build systems add this. [default: run the
    /// action of @FILE]
    #[arg(long = "persistent_worker")]
    persistent: bool,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    incremental: incremental::Limits,
    /// The action to run: its options, environment and command, one a line
    #[arg(value_name = "@FILE", required_unless_present = "persistent")]
    action: Option<String>,
}

/// Runs one action or serves many.
///
/// # Errors
/// The action's own; that the build system cannot be understood.
pub fn run(options: &Options) -> Result<()> {
    match &options.action {
        Some(_) if options.persistent => bail!("a worker takes its actions from standard input, not from a file"),
        Some(file) => Action::read(file)?.run(&[NAME.to_owned(), file.clone()]),
        None => serve(options),
    }
}

fn serve(options: &Options) -> Result<()> {
    let cwd = std::env::current_dir().context("cannot tell the working folder")?;
    // Requests may have working folders of their own.
    let program = cwd.join(PathBuf::from(command::own_program()?)).to_string_lossy().into_owned();
    let server = Arc::new(RequestServer::new(program, cwd, Suspended::new(&options.limits), options.incremental.clone()));
    let (framing, mut input) = Framing::detect(std::io::stdin())?;
    let output = Arc::new(Mutex::new(std::io::stdout()));
    end_when_idle(&server, options.limits.max_idle());
    let mut threads = Vec::new();
    let end = loop {
        let request = match framing.read(&mut input) {
            Ok(Some(request)) => request,
            Ok(None) => break Ok(()),
            // Nobody knows where the next request begins.
            Err(error) => break Err(error),
        };
        if request.cancel {
            server.cancel(request.request_id);
            continue;
        }
        let running = server.enter(request.request_id);
        let (server, output) = (Arc::clone(&server), Arc::clone(&output));
        threads.retain(|thread: &std::thread::JoinHandle<()>| !thread.is_finished());
        threads.push(std::thread::spawn(move || {
            let id = request.request_id;
            let outcome = server.perform(request, &running);
            let was_cancelled = server.leave(id, &running);
            let text = if was_cancelled { String::new() } else { String::from_utf8_lossy(&outcome.output).into_owned() };
            let response = WorkResponse { exit_code: outcome.code, output: text, request_id: id, was_cancelled };
            // If the build system is gone, the end of its requests shows that.
            let _ = framing.write(&response, &mut *lock(&output));
        }));
    };
    server.end_all();
    for thread in threads {
        let _ = thread.join();
    }
    server.end();
    end
}

/// The value that `mutex` guards, even if a thread panicked while it held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody may ever ask for the code: a build has been interrupted, or has failed elsewhere.
fn end_when_idle(server: &Arc<RequestServer>, after: Duration) {
    let server = Arc::downgrade(server);
    std::thread::spawn(move || {
        while let Some(server) = server.upgrade() {
            if server.idle_for() >= after {
                server.end_suspended();
            }
            drop(server);
            std::thread::sleep(Duration::from_secs(1).min(after.max(Duration::from_millis(50))));
        }
    });
}
