//! The metadata phase of a library: rustc runs until the crate's `.rmeta` is out, and no further.

use crate::codegen;
use crate::command::{self, Given};
use crate::crates::{self, DependencyFolder, Form};
use crate::diagnostics::{self, Until, Watcher};
use crate::rustc_args::RustcArgs;
use crate::scratch::{self, Scratch};
use crate::worker::attached::Worker;
use crate::worker::native;
use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;
use std::path::{Path, PathBuf};
use std::process::Child;

/// What [`emit`] calls the metadata.
pub(crate) const RMETA: &str = "out.rmeta";

/// What [`emit`] calls the code.
pub(crate) const RLIB: &str = "out.rlib";

/// The crates that a compiling action is given.
#[derive(Debug, clap::Args)]
pub struct Dependencies {
    /// Metadata (.rmeta) of a Rust crate that this one depends on, directly or not; once for each. A compiled .rlib will
    /// do where there is no .rmeta. [default: none]
    #[arg(long = "metadata", value_name = "RMETA")]
    pub metadata: Vec<PathBuf>,
    /// Proc macro (.so) that this crate or one below it uses; once for each. [default: none]
    #[arg(long = "proc-macro", value_name = "SO")]
    pub proc_macros: Vec<PathBuf>,
    /// Compile to LLVM bitcode in place of machine code, which `link-only --lto` needs; the same for a crate and all below it.
    /// [default: compile to machine code, and embed no bitcode in it unless the command says so]
    #[arg(long)]
    pub lto: bool,
    /// Compile at this opt-level in place of the command's first `-Copt-level`; a later one, which is somebody's own, counts as ever.
    /// Debug assertions stay as that first one has them. The same for a crate and all below it. [default: the command's own]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(["0", "1", "2", "3", "s", "z"]))]
    pub opt_level: Option<String>,
}

impl Dependencies {
    /// Puts the dependencies into `scratch` in the given form and turns `args` to them.
    ///
    /// # Errors
    /// If a file is broken, or two are of one crate.
    pub fn put_before(&self, args: &mut RustcArgs, scratch: &Scratch, form: Form) -> Result<DependencyFolder> {
        if self.lto {
            args.push("codegen", "linker-plugin-lto");
        }
        if let Some(level) = &self.opt_level {
            args.set_opt_level(level);
        }
        let metadata = crates::by_identity(&self.metadata)?;
        let proc_macros = crates::by_identity(&self.proc_macros)?;
        let folder = DependencyFolder::new(scratch.subdir("deps")?, &metadata, &proc_macros, form)?;
        // Crates that we were not given stay where they are; the folders of the others may hold older builds of them.
        let mut kept = Vec::new();
        for value in args.values("extern") {
            if let Some((_, path)) = value.split_once('=')
                && folder.replacement(Path::new(path)).is_none()
                && let Some(parent) = Path::new(path).parent()
            {
                kept.push(parent.to_string_lossy().into_owned());
            }
        }
        args.exchange("extern", |value| {
            let (name, path) = value.split_once('=')?;
            Some(format!("{name}={}", folder.replacement(Path::new(path))?.display()))
        });
        args.remove("library-path", |value| value.strip_prefix("dependency=").is_some_and(|dir| !kept.iter().any(|k| k == dir)));
        args.push("library-path", format!("dependency={}", folder.dir.display()));
        Ok(folder)
    }
}

/// Takes away where the command wanted its outputs.
pub(crate) fn forget_outputs(args: &mut RustcArgs) {
    for name in ["emit", "out-dir", "output"] {
        args.remove(name, |_| true);
    }
}

/// Leaves of the command's crate types the rlib, the one that is no link and has metadata and code to split.
pub(crate) fn require_library(args: &mut RustcArgs) -> Result<()> {
    let types = args.crate_types();
    if types.len() > 1 && types.iter().any(|crate_type| crate_type == "rlib") {
        args.remove("crate-type", |_| true);
        args.push("crate-type", "rlib");
    } else if types != ["rlib"] {
        bail!(
            "the crate `{}` is built as {}, which is linked\n  help: `splitlink metadata` and `splitlink codegen` are for rlibs; use `splitlink no-link`",
            args.crate_name().unwrap_or("?"),
            types.join(", ")
        );
    }
    Ok(())
}

/// Runs the phase; in a `worker` that suspends rustc, the codegen phase as well, if somebody wants it.
///
/// # Errors
/// rustc's own, or that the metadata cannot be written.
pub fn run(output: &Path, dependencies: &Dependencies, own_args: &[String], command: &[String], worker: Option<&Worker>) -> Result<()> {
    let (program, mut args) = match Given::parse(command)? {
        Given::Wrapper { wrapper, wrapped } => return command::run_wrapped(&wrapper, own_args, &wrapped),
        Given::Rustc { program, args } => (program, args),
    };
    require_library(&mut args)?;
    let crate_name = args.crate_name().unwrap_or("?").to_owned();
    let scratch = worker.and_then(|worker| worker.scratch.clone()).map_or_else(|| Scratch::beside(output), Scratch::at)?;
    dependencies.put_before(&mut args, &scratch, Form::Metadata)?;
    forget_outputs(&mut args);
    emit(&mut args, scratch.path());
    let rmeta = scratch.path().join(RMETA);
    let Some(worker) = worker else {
        diagnostics::run(&program, args, Until::Metadata, Watcher::default())?;
        return scratch::publish(&rmeta, output);
    };
    let started = |rustc: &Child| worker.started(rustc);
    if !worker.suspends() {
        diagnostics::run(&program, args, Until::Metadata, Watcher { started: Some(&started), metadata: None })?;
        return scratch::publish(&rmeta, output);
    }
    if worker.sandboxed {
        native::keep(&mut args, &scratch)?;
    }
    let mut resume = None;
    let mut suspend = |rustc: &mut Child, json: bool| {
        // A copy: what becomes of the published file is not ours to know.
        let publish = || scratch::publish_copy(&scratch, &rmeta, output);
        resume = Some(worker.suspend(rustc, json, publish)?);
        Ok(())
    };
    diagnostics::run(&program, args, Until::Metadata, Watcher { started: Some(&started), metadata: Some(&mut suspend) })?;
    match resume {
        Some(resume) => codegen::publish(&crate_name, &scratch, &resume.output, &resume.published),
        // rustc said nothing of its metadata, and has ended.
        None => scratch::publish(&rmeta, output),
    }
}

/// Asks for metadata and code in `dir`: what rustc writes as metadata differs when no code is asked for.
pub(crate) fn emit(args: &mut RustcArgs, dir: &Path) {
    embed_no_bitcode(args);
    args.push("emit", format!("metadata={}", dir.join(RMETA).display()));
    args.push("emit", format!("link={}", dir.join(RLIB).display()));
    // Where the objects are made on the way: else in the working folder, where another action of this crate makes the same.
    args.push("out-dir", dir.to_string_lossy());
}

/// Has the code of a library be machine code alone, or bitcode alone, unless somebody wants both.
pub(crate) fn embed_no_bitcode(args: &mut RustcArgs) {
    // rustc refuses this together with LTO of its own.
    if ["lto", "embed-bitcode"].iter().all(|key| args.codegen(key).is_none()) {
        args.push("codegen", "embed-bitcode=no");
    }
}
