//! The metadata phase of a library: rustc runs until the crate's `.rmeta` is out, and no further.

use super::ForEdits;
use super::dependencies::Dependencies;
use super::emitted::is_dep_info;
use super::incremental::Incremental;
use super::prepared::Prepared;
use super::{codegen, interface, library};
use crate::files::paths::Places;
use crate::files::scratch::{self, Finished};
use crate::interface::messages;
use crate::rustc::command::ChildFailed;
use crate::rustc::diagnostics::{Until, Watcher};
use crate::rustc::version;
use crate::worker::attached::Worker;
use crate::worker::native;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Runs the phase, for the crate's interface if that is wanted and there is one; in a `worker` that
/// suspends rustc, the codegen phase as well, if somebody wants it.
///
/// # Errors
/// rustc's own, or that the metadata cannot be written.
pub fn run(
    output: &Path,
    for_edits: ForEdits,
    dependencies: &Dependencies,
    own_args: &[String],
    command: &[String],
    worker: Option<&Worker>,
) -> Result<()> {
    let own_places = |places: &mut Places| places.output("the metadata", output);
    let prepared = Prepared::new(output, own_places, dependencies, own_args, command, worker)?;
    let Some(Prepared { program, mut args, crate_name, asked, scratch, split }) = prepared else { return Ok(()) };
    let rmeta = || {
        let rmeta = library::emitted(scratch.path(), library::RMETA)?;
        version::check_rmeta(&rmeta)?;
        Ok::<_, anyhow::Error>(rmeta)
    };
    let place = |kind: &str, path: &Path| library::place(kind, path, ("metadata", output), scratch.path(), &asked);
    // rustc writes dependency information before the metadata, and all else after it.
    let publish = |rmeta: PathBuf| -> Result<()> {
        let mut finished = Finished::default();
        library::finish(scratch.path(), &asked, output, is_dep_info, &mut finished)?;
        finished.add(rmeta, output.to_owned());
        finished.publish()
    };
    if for_edits.interface && interface::prepare(&mut args) {
        let rustc = || Command::new(&program);
        let mut resume = None;
        // While rustc writes down what it may use again, dependents go on; the code is next.
        let compiled = match worker.filter(|worker| worker.suspends() && for_edits.incremental && !worker.sandboxed) {
            Some(worker) => {
                let mut suspend = |rustc: &mut Child, json: bool| {
                    resume = Some(
                        worker.suspend(rustc, json, || publish(scratch::copy_into(&scratch, &interface::metadata(&scratch), output)?))?,
                    );
                    Ok(())
                };
                interface::compile(rustc, &args, for_edits.incremental, &scratch, Some(worker), Some(&mut suspend))
            }
            None => interface::compile(rustc, &args, for_edits.incremental, &scratch, worker, None),
        };
        if let Some(resume) = resume {
            // What rustc says behind the metadata of an interface is of no account.
            compiled.map(drop).or_else(|error| if error.is::<ChildFailed>() { Ok(()) } else { Err(error) })?;
            let code = (resume.output.as_path(), &asked);
            codegen::compile(&program, args, Until::EndWithAll, for_edits.incremental, &scratch, code, worker)?;
            return interface::publish(&crate_name, &scratch, &resume.output, &resume.published, &asked, split.of(&resume));
        }
        if compiled? {
            return publish(interface::metadata(&scratch));
        }
    }
    // A rustc that is ended when the metadata is out leaves nothing that it may use again.
    let that_keeps = worker.filter(|worker| worker.suspends());
    let incremental = Incremental::prepare_if(for_edits.incremental, &mut args, that_keeps, &scratch)?;
    let Some(worker) = worker else {
        messages::run_command(Command::new(&program), args, Until::Metadata, Watcher { place: Some(&place), ..Watcher::default() })?;
        return publish(rmeta()?);
    };
    let started = |rustc: &Child| worker.started(rustc);
    if !worker.suspends() {
        messages::run_command(
            Command::new(&program),
            args,
            Until::Metadata,
            Watcher { started: Some(&started), place: Some(&place), ..Watcher::default() },
        )?;
        return publish(rmeta()?);
    }
    if worker.sandboxed {
        native::keep(&mut args, &scratch)?;
    }
    let mut resume = None;
    let mut suspend = |rustc: &mut Child, json: bool| {
        // A copy: what becomes of the published file is not ours to know.
        resume = Some(worker.suspend(rustc, json, || publish(scratch::copy_into(&scratch, &rmeta()?, output)?))?);
        Ok(())
    };
    let watcher = Watcher { started: Some(&started), metadata: Some(&mut suspend), place: Some(&place), ..Watcher::default() };
    incremental.ended(messages::run_command(Command::new(&program), args, Until::Metadata, watcher))?;
    match resume {
        Some(resume) => library::publish(&crate_name, &scratch, &resume.output, &resume.published, &asked, split.of(&resume)),
        // rustc said nothing of its metadata, and has ended.
        None => publish(rmeta()?),
    }
}
