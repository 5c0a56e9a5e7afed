//! The codegen phase of a library: rustc runs to its end, and the rlib is checked against the
//! published metadata.

use super::ForEdits;
use super::dependencies::Dependencies;
use super::emitted::Emitted;
use super::incremental::Incremental;
use super::prepared::Prepared;
use super::{interface, library};
use crate::files::paths::Places;
use crate::files::scratch::Scratch;
use crate::interface::messages;
use crate::rustc::args::RustcArgs;
use crate::rustc::diagnostics::{Until, Watcher};
use crate::worker::attached::Worker;
use anyhow::Result;
use std::path::Path;
use std::process::{Child, Command};

/// Runs the phase. The published metadata may be that of the crate's interface.
///
/// # Errors
/// rustc's own; that the metadata differs from `published`, which dependents were compiled against;
/// that the rlib cannot be written.
pub fn run(
    output: &Path,
    published: &Path,
    for_edits: ForEdits,
    dependencies: &Dependencies,
    own_args: &[String],
    command: &[String],
    worker: Option<&Worker>,
) -> Result<()> {
    let own_places = |places: &mut Places| {
        places.output("the library", output);
        if let Some(dir) = &dependencies.dwo_dir {
            places.output_folder("the folder of debug information", dir);
        }
        places.inputs("the published metadata", [published]);
    };
    let prepared = Prepared::new(output, own_places, dependencies, own_args, command, worker)?;
    let Some(Prepared { program, mut args, crate_name, asked, scratch, split }) = prepared else { return Ok(()) };
    let of_interface = for_edits.interface && interface::prepare(&mut args) && interface::is_possible(&args);
    let until = if of_interface { Until::EndWithAll } else { Until::End };
    compile(&program, args, until, for_edits.incremental, &scratch, (output, &asked), worker)?;
    if of_interface {
        return interface::publish(&crate_name, &scratch, output, published, &asked, split);
    }
    library::publish(&crate_name, &scratch, output, published, &asked, split)
}

/// Runs rustc for the source, into `scratch`, for the library `output`.
///
/// # Errors
/// rustc's own.
pub(super) fn compile(
    program: &str,
    mut args: RustcArgs,
    until: Until,
    is_incremental: bool,
    scratch: &Scratch,
    (output, asked): (&Path, &Emitted),
    worker: Option<&Worker>,
) -> Result<()> {
    let started = |rustc: &Child| worker.into_iter().for_each(|worker| worker.started(rustc));
    let place = |kind: &str, path: &Path| library::place(kind, path, ("link", output), scratch.path(), asked);
    let watcher = Watcher { started: worker.is_some().then_some(&started), place: Some(&place), ..Watcher::default() };
    let incremental = Incremental::prepare_if(is_incremental, &mut args, worker, scratch)?;
    incremental.ended(messages::run_command(Command::new(program), args, until, watcher))
}
