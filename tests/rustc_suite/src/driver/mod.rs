//! The driver: a program that is called as rustc is, and builds what it is told to build by
//! splitlink's phases.
//!
//! Libraries (rlib) are made by `metadata` and `codegen`, all else by `no-link` and `link-only`. A
//! Rust dylib is that of a library: `no-link --dylib-of`. What compiles nothing, or links nothing,
//! is rustc's own.

mod args;
mod crates;
mod job;
mod phases;
mod settings;
mod store;

pub(crate) use phases::HAS_INTERFACE;
pub(crate) use settings::{Settings, install, steps};

use args::Args;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Runs what the driver, called as `program`, is told by `args`.
pub(crate) fn main(program: &Path, args: Vec<String>) -> ExitCode {
    match run(program, args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: the driver of rustc_suite failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(program: &Path, args: Vec<String>) -> anyhow::Result<u8> {
    let settings = Settings::of(program)?;
    let args = Args::parse(splitlink::rustc::response_file::expand_lines(args)?);
    match job::Job::new(&settings, args.clone())? {
        Some(job) => phases::run(&settings, job),
        None => {
            settings.log("rustc", args.all())?;
            Ok(exit_code(Command::new(&settings.rustc).args(args.all()).status()?))
        }
    }
}

/// The exit code for `status`, 128 + the signal's number where there was one.
fn exit_code(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}
