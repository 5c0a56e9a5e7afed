//! The codegen phase of a library: rustc runs to its end, and the rlib is checked against the
//! published metadata.

use super::ForEdits;
use super::dependencies::{Dependencies, Form};
use super::emitted::Emitted;
use super::incremental::Incremental;
use super::split_debug_info::SplitDebugInfo;
use super::{interface, library};
use crate::files::scratch::Scratch;
use crate::interface::messages;
use crate::rustc::args::RustcArgs;
use crate::rustc::command::{self, Given};
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
    let (program, mut args) = match Given::parse(command)? {
        Given::Wrapper { wrapper, wrapped } => return command::run_wrapped(&wrapper, own_args, &wrapped),
        Given::Rustc { program, args } => (program, args),
    };
    let dwo_dir = dependencies.dwo_dir.as_deref();
    library::require_library(&mut args, dwo_dir)?;
    let split = SplitDebugInfo::prepare(&mut args, dwo_dir, dependencies.lto)?;
    let crate_name = args.shown_crate_name();
    let asked = Emitted::asked(&args);
    let mut places = dependencies.places(&args);
    asked.add_outputs(&mut places);
    places.output("the library", output);
    if let Some(dir) = dwo_dir {
        places.output_folder("the folder of debug information", dir);
    }
    places.inputs("the published metadata", [published]);
    places.check()?;
    let scratch = library::scratch(output, worker)?;
    dependencies.put_before(&mut args, &scratch, Form::Metadata, worker)?;
    library::forget_outputs(&mut args);
    library::emit(&mut args, scratch.path(), &asked)?;
    split.name_in(&mut args, &library::others(scratch.path()));
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
