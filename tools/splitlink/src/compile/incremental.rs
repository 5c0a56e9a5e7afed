//! `--incremental`: rustc compiles with `-Cincremental`.
//!
//! rustc keeps what it may use again in a folder. A worker has one for each crate, from which the
//! next build goes on; elsewhere an action has one for itself, for metadata that was made in this
//! way differs from other metadata.
//!
//! rustc trusts what is in the folder. So a list of its files, with their sizes and times, is
//! written when rustc has ended in order, and taken away before it begins. Where the list is missing
//! or does not fit (rustc was killed, or somebody else was there), the folder is emptied.

use crate::files::listing::list;
use crate::files::scratch::{self, Scratch};
use crate::rustc::args::RustcArgs;
use crate::rustc::command::ChildFailed;
use crate::worker::attached::Worker;
use anyhow::{Context, Result};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where rustc keeps what it may use again.
const SESSIONS: &str = "sessions";

/// Where the same is kept for the crate's interface.
const INTERFACE: &str = "interface";

/// The list of what is there.
const LIST: &str = "list";

/// The exit code of a rustc that has found a mistake in the source.
const MISTAKE: u8 = 1;

/// A folder that a run of rustc has.
#[derive(Debug)]
pub(crate) struct Incremental {
    /// One that outlasts the action.
    kept: Option<PathBuf>,
}

impl Incremental {
    /// Has rustc compile incrementally if that is `wanted`, with what the `worker` keeps.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub(crate) fn prepare_if(wanted: bool, args: &mut RustcArgs, worker: Option<&Worker>, scratch: &Scratch) -> Result<Self> {
        let kept = worker.and_then(|worker| worker.incremental.as_deref());
        Self::prepare(wanted, args, kept, scratch)
    }

    /// The same for the interface of the crate, whose sources are in a folder of that.
    ///
    /// # Errors
    /// If a folder cannot be made.
    pub(crate) fn prepare_interface(wanted: bool, args: &mut RustcArgs, worker: Option<&Worker>, scratch: &Scratch) -> Result<Self> {
        let kept = worker.and_then(|worker| worker.incremental.as_deref()).map(|folder| folder.join(INTERFACE));
        Self::prepare(wanted, args, kept.as_deref(), scratch)
    }

    /// The folder for the sources of the crate's interface, where rustc finds them again.
    pub(crate) fn interface_sources(wanted: bool, worker: Option<&Worker>, scratch: &Scratch) -> PathBuf {
        let kept = worker.and_then(|worker| worker.incremental.as_deref()).filter(|_| wanted);
        kept.unwrap_or(scratch.path()).join(INTERFACE).join("sources")
    }

    /// Has rustc compile incrementally if that is `wanted`, in `kept` if that outlasts the action. A
    /// command that names a folder of its own keeps that.
    ///
    /// # Errors
    /// If the folder cannot be made.
    fn prepare(wanted: bool, args: &mut RustcArgs, kept: Option<&Path>, scratch: &Scratch) -> Result<Self> {
        if !wanted || args.codegen("incremental").is_some() {
            return Ok(Self { kept: None });
        }
        let sessions = match kept {
            None => scratch.subdir("incremental")?,
            Some(folder) => {
                if fs::read_to_string(folder.join(LIST)).ok() != Some(list(&folder.join(SESSIONS))) {
                    remove(&folder.join(SESSIONS))?;
                    scratch::private_folder(&folder.join(SESSIONS))?;
                }
                let _ = fs::remove_file(folder.join(LIST));
                folder.join(SESSIONS)
            }
        };
        args.push("codegen", format!("incremental={}", sessions.display()));
        Ok(Self { kept: kept.map(Path::to_owned) })
    }

    /// Hands on what came of rustc, and takes note of what it has left if it has ended in order.
    pub(crate) fn ended<T>(&self, result: Result<T>) -> Result<T> {
        let in_order =
            result.as_ref().map_or_else(|error| error.downcast_ref::<ChildFailed>().is_some_and(|child| child.code == MISTAKE), |_| true);
        if let Some(folder) = self.kept.as_ref().filter(|_| in_order) {
            // Without it the folder is emptied, no more.
            let _ = scratch::write_own(&folder.join(LIST), &list(&folder.join(SESSIONS)));
        }
        result
    }
}

/// Removes `folder` with all that is in it, if it is there.
///
/// # Errors
/// If it cannot be removed.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).with_context(|| {
            format!("cannot empty `{}`, in which rustc compiles incrementally\n  help: remove it by hand", folder.display())
        }),
        _ => Ok(()),
    }
}
