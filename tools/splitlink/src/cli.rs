//! The command line: the subcommands, and which function runs each.

use crate::compile::dependencies::Dependencies;
use crate::compile::{ForEdits, codegen, dlltool, metadata, rustc_stand_in};
use crate::debug_info::{dwp, strip};
use crate::formats::{explain, std_manifest};
use crate::link_only::{self, linking::Options, thin_link};
use crate::lto::thin::back_end;
use crate::no_link::{self, Outputs, capture};
use crate::plan::crate_type::CrateType;
use crate::report_page;
use crate::run as run_elsewhere;
use crate::rustc::command::ChildFailed;
use crate::rustc::{diagnostics, response_file, version};
use crate::sbom;
use crate::shared;
use crate::sizes;
use crate::worker;
use crate::worker::action::Action;
use crate::worker::attached::{ATTACHED, Worker};
use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Splits the build of a Rust crate into actions that a build system can run, cache and send
/// elsewhere one by one.
///
/// A library is built by `metadata` and then, whenever a processor is free, `codegen`. A program,
/// test, cdylib, staticlib, dylib or proc macro is built by `no-link`, which needs only the
/// metadata of its dependencies, and `link-only`, which needs their code but neither rustc nor any
/// source.
///
/// The first three stand in front of the original command: `splitlink no-link OPTIONS -- rustc
/// ARGS`. A wrapper around rustc stays where it is: `splitlink no-link OPTIONS -- wrapper FLAGS --
/// rustc ARGS`. Options may come from a response file, one argument a line: `splitlink no-link
/// @options -- rustc ARGS`.
#[derive(Debug, Parser)]
#[command(name = "splitlink", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile a library as far as its metadata, which is what dependents need to be compiled
    Metadata {
        /// Where to write the metadata (.rmeta)
        #[arg(long, value_name = "RMETA")]
        output: PathBuf,
        #[command(flatten)]
        for_edits: ForEdits,
        #[command(flatten)]
        dependencies: Dependencies,
        /// The original command: rustc and its arguments, or a wrapper with a `--` of its own
        /// before them
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
        for_edits: ForEdits,
        #[command(flatten)]
        dependencies: Dependencies,
        /// The original command: rustc and its arguments, or a wrapper with a `--` of its own
        /// before them
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Compile a crate that is to be linked, and write down how: a link plan and the crate's
    /// modules
    NoLink {
        /// Where to write the link plan (JSON; docs/link-plan.md describes it)
        #[arg(long, value_name = "JSON")]
        plan: PathBuf,
        /// The folder to write the crate's modules to; made if it does not exist
        #[arg(long, value_name = "DIR")]
        modules: PathBuf,
        /// Plan the dylib of this library crate, one of those given with --metadata, in place of
        /// the command's own crate: the command, the library's own or another, then says only for
        /// what target and how. Nothing of the library is compiled. [default: none]
        #[arg(long, value_name = "RMETA")]
        dylib_of: Option<PathBuf>,
        /// Compile the crate for these crate types, each of which link-only can then link: cdylib,
        /// dylib, staticlib. An rlib among them, here or in the command, is left to `metadata` and
        /// `codegen`. Linker arguments of the command that say what kind of file to make
        /// (`-Clink-arg=-shared`) are left out then. [default: those of the command]
        #[arg(long, value_name = "TYPE,...", value_delimiter = ',', conflicts_with = "dylib_of", value_parser = PossibleValuesParser::new(CrateType::ALL.map(CrateType::name)).try_map(|name| name.parse::<CrateType>()))]
        crate_types: Vec<CrateType>,
        /// A folder of shared libraries to which run paths of the command (`-Clink-arg` with
        /// `$ORIGIN`) lead that the build system gave; once for each. They are rewritten where
        /// link-only puts the artifact elsewhere than the command says; other run paths stay what
        /// they are. [default: none]
        #[arg(long = "run-path-dir", value_name = "DIR")]
        run_path_dirs: Vec<PathBuf>,
        /// Compile the crate under this name. [default: the command's own]
        #[arg(long, value_name = "NAME", conflicts_with = "dylib_of")]
        crate_name: Option<String>,
        /// Compile incrementally: in a worker, rustc takes from the last build of the crate what has
        /// not changed. The same for all phases of a crate. [default: off]
        #[arg(long)]
        incremental: bool,
        #[command(flatten)]
        dependencies: Dependencies,
        /// The original command: rustc and its arguments, or a wrapper with a `--` of its own
        /// before them
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Link what a plan says from its modules and the compiled crates
    LinkOnly {
        #[command(flatten)]
        options: Options,
        /// Where to write the artifact; with its crate type (`cdylib=PATH`) where the plan has
        /// several, once for each wanted. A path that itself begins with a crate type and `=` is
        /// written `./cdylib=...`
        #[arg(long = "output", value_name = "[TYPE=]FILE", required = true, value_parser = output)]
        outputs: Vec<(Option<CrateType>, PathBuf)>,
    },
    /// Do the first step of distributed thin LTO: find out which module imports functions from which,
    /// and what may be assumed of each symbol. No code is generated
    ///
    /// It is given what link-only is given. For each crate it writes a folder, of which `thin-backend`
    /// makes the objects; `link-only --thin-link` links them. docs/lto.md describes it.
    ThinLink {
        #[command(flatten)]
        options: Options,
        /// Link as this crate type, one of the plan's; once for each that link-only is to link.
        /// [default: the plan's only one]
        #[arg(long = "crate-type", value_name = "TYPE", value_parser = PossibleValuesParser::new(CrateType::ALL.map(CrateType::name)).try_map(|name| name.parse::<CrateType>()))]
        crate_types: Vec<CrateType>,
        /// Where to write: `link.json`, `std-bitcode`, and a folder for each crate, `own`,
        /// `crates/NAME` for `libNAME.rlib`, and `std/core`, `std/alloc`, `std/std` and `std/rest`. Made
        /// if it does not exist; none of these may hold a file
        #[arg(long, value_name = "DIR")]
        output_dir: PathBuf,
    },
    /// Make the objects of one crate in distributed thin LTO, of the folder that `thin-link` wrote for it
    ///
    /// It reads nothing else but the standard library's bitcode. docs/lto.md describes it.
    ThinBackend(back_end::Options),
    /// Pack the split debug information (`.dwo` files) that a linked artifact refers to into one file
    /// (`.dwp`), which debuggers look for beside the artifact
    ///
    /// The crates were compiled with `--dwo-dir`. docs/debug-information.md describes it.
    Dwp(dwp::Options),
    /// Take debug information out of a linked artifact, into a file of its own or away, or compress
    /// it. docs/debug-information.md describes it.
    Strip(strip::Options),
    /// Write down what the standard library's dylib contains, which `link-only` needs to link
    /// against it
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
    /// Stand in for rustc where hollow rlibs are asked for by `-Zno-codegen`, and make them on
    /// stable
    ///
    /// A build system that compiles a library once with `-Zno-codegen --emit=link=FILE`, for its
    /// dependents, and once without, for the linker, gets both with one hash. Every other call is
    /// rustc's own.
    Rustc {
        /// Do without RUSTC_BOOTSTRAP, and with the stable equivalent of `-Zremap-cwd-prefix`,
        /// unless another unstable option is asked for. [default: leave them as they are]
        #[arg(long)]
        stable: bool,
        /// Compile against the interfaces of libraries, as with `metadata --interface`. Those that
        /// are compiled with `--cap-lints=allow` are others', and have none. [default: off]
        #[arg(long)]
        interface: bool,
        #[command(flatten)]
        share: shared::Options,
        /// rustc and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run a command with other paths in its arguments, in the response files that they name, and in
    /// its environment
    Run(run_elsewhere::Options),
    /// Write down what is in an artifact, of its link report, as a software bill of materials (SBOM)
    ///
    /// It is CycloneDX 1.6, in JSON: the crates that are linked, the standard library's included, and
    /// native libraries. docs/sbom.md describes it.
    Sbom {
        #[command(flatten)]
        options: sbom::Options,
        /// Where to write it (JSON); with the crate type of the artifact (`cdylib=PATH`) where the
        /// report has several, once for each wanted. A path that itself begins with a crate type and
        /// `=` is written `./cdylib=...`
        #[arg(long = "output", value_name = "[TYPE=]JSON", required = true, value_parser = output)]
        outputs: Vec<(Option<CrateType>, PathBuf)>,
    },
    /// Tell what is in a linked artifact: by crate, module and function
    ///
    /// It is given what link-only was given. Nothing is linked again. docs/sizes.md describes it.
    Sizes(sizes::Options),
    /// Show how a link report's artifacts are linked: each crate, in which form, and why; or what is
    /// in an artifact
    Explain {
        #[command(flatten)]
        report: explain::Options,
        #[command(flatten)]
        sizes: sizes::Shown,
    },
    /// Write a link report as one HTML file: what is in the artifacts, why, and how they are linked
    ///
    /// The page needs no network. docs/report.md describes it.
    Report(report_page::Options),
    /// Run the action that a response file holds; or, with --persistent_worker, one after another
    /// that a build system asks for on standard input
    ///
    /// The worker speaks Bazel's persistent worker protocol, in protocol buffers or JSON.
    /// `metadata` and `codegen` of one library are then served by one rustc process, which stands
    /// still in between. docs/worker.md describes it.
    Worker(worker::Options),
}

/// Takes `cdylib=PATH` apart; a path may have a `=` of its own.
fn output(text: &str) -> Result<(Option<CrateType>, PathBuf), String> {
    let typed = text.split_once('=').and_then(|(name, path)| Some((name.parse::<CrateType>().ok()?, path)));
    Ok(match typed {
        Some((crate_type, _)) if !crate_type.is_linked() => {
            return Err(
                "an rlib is not linked; `splitlink metadata` and `splitlink codegen` make it (a path may begin with `./rlib=`)".into()
            );
        }
        Some((crate_type, "")) => return Err(format!("`{text}` names no file for the {crate_type}")),
        Some((crate_type, path)) => (Some(crate_type), path.into()),
        None => (None, text.into()),
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
                // The child has said why.
                return ExitCode::from(child.code);
            }
            let message = diagnostics::with_causes(&error);
            if wants_json(&args) {
                eprintln!("{}", diagnostics::error_as_json(&message));
            } else {
                eprintln!("error: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Runs what this process was started for, which the way it was called tells:
///
/// | called as | by | runs |
/// |---|---|---|
/// | a link in the `linker` folder of a scratch folder | rustc, as its linker | the recorder ([`capture`]) |
/// | a link in the `dlltool` folder of a scratch folder | rustc, as its dlltool | that tool ([`dlltool`]) |
/// | `attached [-- COMMAND]` | a worker or the shared server | the options that come through the channel |
/// | `shared FOLDER NAME LIMITS` | a call that shares a rustc | the shared server |
/// | `worker ... @FILE -- COMMAND` | a wrapper, for an action that is a response file | the options in the file |
/// | anything else | a build system or a person | the subcommand that it says, options in response files included |
fn run(args: &[String]) -> Result<()> {
    if let Some(scratch) = args.first().and_then(|program| capture::scratch_of(Path::new(program))) {
        return capture::record(scratch, args[1..].to_vec());
    }
    if let Some(program) = args.first().and_then(|program| dlltool::meant_by(Path::new(program))) {
        return dlltool::run(&program, &args[1..]);
    }
    // Only our own arguments: a response file behind `--` is the wrapper's or rustc's.
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let forwarded = &args[1..end];
    let program = || args.iter().take(1).cloned();
    let command = args[end..].iter().cloned();
    match forwarded {
        [only] if only == ATTACHED => {
            let (options, worker) = Worker::connect()?;
            run_command(program().chain(options).chain(command), forwarded, Some(&worker))
        }
        [first, folder, name, limits] if first == shared::NAME => shared::server::serve(Path::new(folder), name, limits),
        // Behind the wrapper of an action that is a response file; the command there is the final
        // one.
        [first, .., file] if first == worker::NAME && end < args.len() => {
            run_command(program().chain(Action::read(file)?.options).chain(command), forwarded, None)
        }
        [first, ..] if first == worker::NAME => run_command(args.iter().cloned(), forwarded, None),
        _ => run_command(response_file::expand_lines(args[..end].to_vec())?.into_iter().chain(command), forwarded, None),
    }
}

/// Runs the subcommand that `args` say; `own` is how this process was told of it, and `worker` who
/// did, if that is a worker.
fn run_command(args: impl Iterator<Item = String>, own: &[String], worker: Option<&Worker>) -> Result<()> {
    match Cli::parse_from(args).command {
        Command::Metadata { output, for_edits, dependencies, command } => {
            let command = dependencies.exchanged(command);
            explain_unless(worker, &command, metadata::run(&output, for_edits, &dependencies, own, &command, worker))
        }
        Command::Codegen { output, published_metadata, for_edits, dependencies, command } => {
            let command = dependencies.exchanged(command);
            explain_unless(worker, &command, codegen::run(&output, &published_metadata, for_edits, &dependencies, own, &command, worker))
        }
        Command::NoLink { plan, modules, dylib_of, crate_types, run_path_dirs, crate_name, incremental, dependencies, command } => {
            let command = dependencies.exchanged(command);
            let outputs = Outputs {
                plan: &plan,
                modules: &modules,
                dylib_of: dylib_of.as_deref(),
                crate_types: &crate_types,
                run_path_dirs: &run_path_dirs,
                crate_name: crate_name.as_deref(),
            };
            explain_unless(worker, &command, no_link::run(&outputs, incremental, &dependencies, own, &command, worker))
        }
        Command::LinkOnly { options, outputs } => link_only::run(&options, &outputs),
        Command::ThinLink { options, crate_types, output_dir } => thin_link::run(&options, &crate_types, &output_dir),
        Command::ThinBackend(options) => back_end::run(&options),
        Command::Dwp(options) => dwp::run(&options),
        Command::Strip(options) => strip::run(&options),
        Command::StdManifest { output, rustc, libdir } => std_manifest::run(&output, &rustc, &libdir),
        Command::Rustc { stable, interface, share, command } => rustc_stand_in::run(stable, interface, &share, &command, worker),
        Command::Run(options) => run_elsewhere::run(&options),
        Command::Sbom { options, outputs } => sbom::run(&options, &outputs),
        Command::Sizes(options) => sizes::run(&options),
        Command::Explain { report, sizes } => match sizes::show(&sizes, report.named.as_deref(), report.all)? {
            true => Ok(()),
            false => explain::run(&report),
        },
        Command::Report(options) => report_page::run(&options),
        Command::Worker(options) => worker::run(&options),
    }
}

/// [`version::explain`], unless the phase has a `worker`: that may have ended it, and waits for its
/// end.
fn explain_unless(worker: Option<&Worker>, command: &[String], result: Result<()>) -> Result<()> {
    if worker.is_some() { result } else { version::explain(command, result) }
}

/// Whether the command asks rustc for JSON, so that whoever reads its messages would stumble over
/// anything else.
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
        assert_eq!(output("cdylib=a=b.so"), Ok((Some(CrateType::Cdylib), "a=b.so".into())));
        assert_eq!(output("a=b"), Ok((None, "a=b".into())));
        assert_eq!(output("./cdylib=a"), Ok((None, "./cdylib=a".into())));
        assert!(output("cdylib=").is_err_and(|why| why.contains("names no file")));
        assert!(output("rlib=a").is_err_and(|why| why.contains("codegen")));
    }
}
