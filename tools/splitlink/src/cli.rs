//! The command line.

use crate::action::Action;
use crate::command::ChildFailed;
use crate::diagnostics;
use crate::explain;
use crate::link_only::{self, Inputs};
use crate::metadata::Dependencies;
use crate::no_link::{self, Outputs};
use crate::worker::{
    self,
    attached::{ATTACHED, Worker},
};
use crate::{capture, codegen, metadata, response_file, shared, stand_in, std_manifest};
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Splits the build of a Rust crate into actions that a build system can run, cache and send elsewhere one by one.
///
/// A library is built by `metadata` and then, whenever a processor is free, `codegen`. A program, test, cdylib, staticlib,
/// dylib or proc macro is built by `no-link`, which needs only the metadata of its dependencies, and `link-only`, which
/// needs their code but neither rustc nor any source.
///
/// The first three stand in front of the original command: `splitlink no-link OPTIONS -- rustc ARGS`. A wrapper around
/// rustc stays where it is: `splitlink no-link OPTIONS -- wrapper FLAGS -- rustc ARGS`. Options may come from a response
/// file, one argument a line: `splitlink no-link @options -- rustc ARGS`.
#[derive(Debug, Parser)]
#[command(name = "splitlink", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    phase: Phase,
}

#[derive(Debug, Subcommand)]
enum Phase {
    /// Compile a library as far as its metadata, which is what dependents need to be compiled
    Metadata {
        /// Where to write the metadata (.rmeta)
        #[arg(long, value_name = "RMETA")]
        output: PathBuf,
        #[command(flatten)]
        dependencies: Dependencies,
        /// The original command: rustc and its arguments, or a wrapper with a `--` of its own before them
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Compile a library to its code, and check that its metadata is what `metadata` published
    Codegen {
        /// Where to write the library (.rlib)
        #[arg(long, value_name = "RLIB")]
        output: PathBuf,
        /// The metadata that `metadata` wrote for this crate
        #[arg(long, value_name = "RMETA")]
        published_metadata: PathBuf,
        #[command(flatten)]
        dependencies: Dependencies,
        /// The original command: rustc and its arguments, or a wrapper with a `--` of its own before them
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Compile a crate that is to be linked, and write down how: a link plan and the crate's modules
    NoLink {
        /// Where to write the link plan (JSON; docs/link-plan.md describes it)
        #[arg(long, value_name = "JSON")]
        plan: PathBuf,
        /// The folder to write the crate's modules to; made if it does not exist
        #[arg(long, value_name = "DIR")]
        modules: PathBuf,
        /// Plan the dylib of this library crate, one of those given with --metadata, in place of the command's own crate: the
        /// command, the library's own or another, then says only for what target and how. Nothing of the library is compiled.
        /// [default: none]
        #[arg(long, value_name = "RMETA")]
        dylib_of: Option<PathBuf>,
        /// Compile the crate for these crate types, each of which link-only can then link: cdylib, dylib, staticlib. An rlib among
        /// them, here or in the command, is left to `metadata` and `codegen`. Linker
        /// arguments of the command that say what kind of file to make (`-Clink-arg=-shared`) are left out then. [default: those
        /// of the command]
        #[arg(long, value_name = "TYPE,...", value_delimiter = ',', conflicts_with = "dylib_of", value_parser = PossibleValuesParser::new(COMPILED_TYPES))]
        crate_types: Vec<String>,
        #[command(flatten)]
        dependencies: Dependencies,
        /// The original command: rustc and its arguments, or a wrapper with a `--` of its own before them
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Link what a plan says from its modules and the compiled crates
    LinkOnly {
        #[command(flatten)]
        inputs: Inputs,
        /// Where to write the artifact; with its crate type (`cdylib=PATH`) where the plan has several, once for each wanted. A path
        /// that itself begins with a crate type and `=` is written `./cdylib=...`
        #[arg(long = "output", value_name = "[TYPE=]FILE", required = true, value_parser = output)]
        outputs: Vec<(Option<String>, PathBuf)>,
    },
    /// Write down what the standard library's dylib contains, which `link-only` needs to link against it
    StdManifest {
        /// Where to write the manifest (JSON; docs/dependency-formats.md describes it)
        #[arg(long, value_name = "JSON")]
        output: PathBuf,
        /// rustc of the toolchain that the standard library belongs to. [default: rustc]
        #[arg(long, value_name = "PROGRAM", default_value = "rustc", hide_default_value = true)]
        rustc: String,
        /// The folder that holds libstd-*.so and its kin
        #[arg(long, value_name = "DIR")]
        libdir: PathBuf,
    },
    /// Stand in for rustc where hollow rlibs are asked for by `-Zno-codegen`, and make them on stable
    ///
    /// A build system that compiles a library once with `-Zno-codegen --emit=link=FILE`, for its dependents, and once without, for
    /// the linker, gets both with one hash. Every other call is rustc's own.
    Rustc {
        /// Do without RUSTC_BOOTSTRAP, and with the stable equivalent of `-Zremap-cwd-prefix`, unless another unstable option
        /// is asked for. [default: leave them as they are]
        #[arg(long)]
        stable: bool,
        #[command(flatten)]
        share: shared::Options,
        /// rustc and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Show how a link report's artifacts are linked: each crate, in which form, and why
    Explain(explain::Options),
    /// Run the action that a response file holds; or, with --persistent_worker, one after another that a build system asks for on
    /// standard input
    ///
    /// The worker speaks Bazel's persistent worker protocol, in protocol buffers or JSON. `metadata` and `codegen` of one library are
    /// then served by one rustc process, which stands still in between. docs/worker.md describes it.
    Worker(worker::Options),
}

const CRATE_TYPES: &[&str] = &["bin", "cdylib", "dylib", "proc-macro", "staticlib"];

const COMPILED_TYPES: &[&str] = &["bin", "cdylib", "dylib", "proc-macro", "rlib", "staticlib"];

/// Takes `cdylib=PATH` apart; a path may have a `=` of its own.
fn output(text: &str) -> Result<(Option<String>, PathBuf), String> {
    Ok(match text.split_once('=') {
        Some((crate_type, "")) if CRATE_TYPES.contains(&crate_type) => return Err(format!("`{text}` names no file for the {crate_type}")),
        Some((crate_type, path)) if CRATE_TYPES.contains(&crate_type) => (Some(crate_type.to_owned()), path.into()),
        Some(("rlib" | "lib", _)) => {
            return Err(
                "an rlib is not linked; `splitlink metadata` and `splitlink codegen` make it (a path may begin with `./rlib=`)".into()
            );
        }
        _ => (None, text.into()),
    })
}

/// Runs the program and says how it went.
pub fn main() -> ExitCode {
    let args: Vec<String> = match std::env::args_os().map(std::ffi::OsString::into_string).collect() {
        Ok(args) => args,
        Err(arg) => {
            eprintln!("error: the argument `{}` is not UTF-8", arg.display());
            return ExitCode::FAILURE;
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(child) = error.downcast_ref::<ChildFailed>() {
                // The child has told its own story.
                return ExitCode::from(child.code);
            }
            let message = error.chain().map(ToString::to_string).collect::<Vec<_>>().join("\n  because ");
            if wants_json(&args) {
                eprintln!("{}", diagnostics::error_as_json(&message));
            } else {
                eprintln!("error: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    if let Some(dir) = std::env::var_os(capture::VARIABLE) {
        return capture::record(Path::new(&dir), args[1..].to_vec());
    }
    // Only our own arguments: a response file behind `--` is the wrapper's or rustc's.
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let forwarded = &args[1..end];
    let program = || args.iter().take(1).cloned();
    let command = args[end..].iter().cloned();
    match forwarded {
        [only] if only == ATTACHED => {
            let (options, worker) = Worker::connect()?;
            run_phase(program().chain(options).chain(command), forwarded, Some(&worker))
        }
        [first, name, limits] if first == shared::NAME => shared::server::serve(name, limits),
        // Behind the wrapper of an action that is a response file; the command there is the final one.
        [first, .., file] if first == worker::NAME && end < args.len() => {
            run_phase(program().chain(Action::read(file)?.options).chain(command), forwarded, None)
        }
        [first, ..] if first == worker::NAME => run_phase(args.iter().cloned(), forwarded, None),
        _ => run_phase(response_file::expand_lines(args[..end].to_vec())?.into_iter().chain(command), forwarded, None),
    }
}

/// Runs the phase that `args` say; `own` is how this process was told of it, and `worker` who did, if that is a worker.
fn run_phase(args: impl Iterator<Item = String>, own: &[String], worker: Option<&Worker>) -> Result<()> {
    match Cli::parse_from(args).phase {
        Phase::Metadata { output, dependencies, command } => metadata::run(&output, &dependencies, own, &command, worker),
        Phase::Codegen { output, published_metadata, dependencies, command } => {
            codegen::run(&output, &published_metadata, &dependencies, own, &command, worker)
        }
        Phase::NoLink { plan, modules, dylib_of, crate_types, dependencies, command } => {
            let outputs = Outputs { plan: &plan, modules: &modules, dylib_of: dylib_of.as_deref(), crate_types: &crate_types };
            no_link::run(&outputs, &dependencies, own, &command)
        }
        Phase::LinkOnly { inputs, outputs } => link_only::run(&inputs, &outputs),
        Phase::StdManifest { output, rustc, libdir } => std_manifest::run(&output, &rustc, &libdir),
        Phase::Rustc { stable, share, command } => stand_in::run(stable, &share, &command, worker),
        Phase::Explain(options) => explain::run(&options),
        Phase::Worker(options) => worker::run(&options),
    }
}

/// Whether the command asks rustc for JSON, so that whoever reads its messages would stumble over anything else.
fn wants_json(args: &[String]) -> bool {
    let mut parts = args.split(|arg| arg == "--").skip(1);
    match (parts.next(), parts.next()) {
        (Some(rustc), None) => {
            let asks = |args: &[String]| matches!(args, [option, value] if option == "--error-format" && value == "json");
            response_file::expand_lines(rustc.to_vec())
                .is_ok_and(|args| args.windows(2).any(asks) || args.iter().any(|arg| arg == "--error-format=json"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn outputs_with_and_without_a_type() {
        assert_eq!(output("cdylib=a=b.so"), Ok((Some("cdylib".into()), "a=b.so".into())));
        assert_eq!(output("a=b"), Ok((None, "a=b".into())));
        assert_eq!(output("./cdylib=a"), Ok((None, "./cdylib=a".into())));
        assert!(output("cdylib=").is_err_and(|why| why.contains("names no file")));
        assert!(output("rlib=a").is_err_and(|why| why.contains("codegen")));
    }
}
