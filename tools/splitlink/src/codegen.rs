//! The codegen phase of a library: rustc runs to its end and the rlib is checked against the published metadata.

use crate::command::{self, Given};
use crate::crates::Form;
use crate::diagnostics::{self, Until, Watcher};
use crate::metadata::{self, Dependencies};
use crate::scratch::{self, Scratch};
use crate::worker::attached::Worker;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Child;

/// Runs the phase.
///
/// # Errors
/// rustc's own; that the metadata differs from `published`, which dependents were compiled against; that the rlib cannot be written.
pub fn run(
    output: &Path,
    published: &Path,
    dependencies: &Dependencies,
    own_args: &[String],
    command: &[String],
    worker: Option<&Worker>,
) -> Result<()> {
    let (program, mut args) = match Given::parse(command)? {
        Given::Wrapper { wrapper, wrapped } => return command::run_wrapped(&wrapper, own_args, &wrapped),
        Given::Rustc { program, args } => (program, args),
    };
    metadata::require_library(&mut args)?;
    let crate_name = args.crate_name().unwrap_or("?").to_owned();
    let scratch = Scratch::beside(output)?;
    dependencies.put_before(&mut args, &scratch, Form::Metadata)?;
    metadata::forget_outputs(&mut args);
    metadata::emit(&mut args, scratch.path());
    let started = |rustc: &Child| worker.into_iter().for_each(|worker| worker.started(rustc));
    let watcher = Watcher { started: worker.is_some().then_some(&started), metadata: None };
    diagnostics::run(&program, args, Until::End, watcher)?;
    publish(&crate_name, &scratch, output, published)
}

/// Checks what rustc has written into `scratch` against the `published` metadata, and moves the library into its place.
pub(crate) fn publish(crate_name: &str, scratch: &Scratch, output: &Path, published: &Path) -> Result<()> {
    if read(&scratch.path().join(metadata::RMETA))? != read(published)? {
        bail!(
            "the crate `{crate_name}` came out different the second time: the metadata of its code differs from `{}`, which its dependents were compiled against\n  \
             help: likely causes are a proc macro or build script whose output varies (with time, hash order or a random number), \
             an environment variable that the crate or a macro reads at compile time and that differs between the two actions, \
             or a source file that changed in between",
            published.display()
        );
    }
    scratch::publish(&scratch.path().join(metadata::RLIB), output)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| {
        format!("cannot read the metadata `{}`\n  help: is it among the action's inputs? `splitlink metadata` writes it", path.display())
    })
}
