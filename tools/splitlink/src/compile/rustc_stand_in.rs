//! Stands in for rustc where a build system asks for a library's metadata by
//! `-Zno-codegen --emit=link`.
//!
//! rustc makes such a hollow rlib on a nightly only. Here the same command makes it on stable.
//! Every other command is passed on to rustc.

use super::emitted::Emitted;
use super::split_debug_info::{self, SplitDebugInfo};
use super::{interface, library};
use crate::compile::dependencies::add_inputs;
use crate::files::archive::Archive;
use crate::files::paths::Places;
use crate::files::rlib;
use crate::files::scratch::{self, Scratch};
use crate::interface::messages;
use crate::plan::crate_type::CrateType;
use crate::rustc::args::RustcArgs;
use crate::rustc::command::{self, ChildFailed};
use crate::rustc::diagnostics::{Until, Watcher};
use crate::rustc::response_file;
use crate::shared::{self, Call, HOLLOW, client};
use crate::worker::attached::Worker;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The variable by which a stable rustc takes unstable options; it enters the hash of every crate.
const BOOTSTRAP: &str = "RUSTC_BOOTSTRAP";

/// Runs the rustc call `command`; with `stable` without what only a nightly takes, as far as
/// something stable does the same; with `of_interface` a library's metadata is that of its
/// interface. Calls may `share` one rustc; what runs that one has a `worker`.
///
/// # Errors
/// rustc's own, or that an output cannot be written.
pub fn run(stable: bool, of_interface: bool, share: &shared::Options, command: &[String], worker: Option<&Worker>) -> Result<()> {
    let Some((program, args)) = command.split_first() else {
        bail!("no command was given\n  help: put rustc and its arguments behind `--`");
    };
    let mut args = response_file::expand_lines(args.to_vec())?;
    let hollow = take(&mut args, "no-codegen").is_some();
    let bootstrap = !stable || without_unstable(&mut args)?;
    let mut args = RustcArgs::parse(args);
    let knows_interfaces = of_interface;
    // rustc writes `.dwo` files where the command says, as long as it runs for that command alone.
    let is_debug_info_split = split_debug_info::asked(&args) == Some("unpacked");
    let of_interface = of_interface
        && !is_debug_info_split
        && worker.is_none()
        && library(&args).is_some()
        && !is_of_others(&args)
        && interface::prepare(&mut args)
        && interface::is_possible(&args);
    if let Some(worker) = worker {
        return for_both(program, args, worker);
    }
    // Metadata of an interface and the code are of two runs.
    if let (Some(rlib), false) = (library(&args), bootstrap || of_interface || is_debug_info_split)
        && let Some(request) = Call::new(share, program, &args, !hollow, &rlib)
        && let Some(reply) = client::ask(&request, &share.limits)
    {
        make_out_dir(&args)?;
        return reply.show();
    }
    match library(&args) {
        Some(rlib) if hollow => make_hollow(program, args, &rlib, bootstrap, of_interface),
        Some(rlib) if of_interface && compile_behind_interface(program, args.clone(), &rlib, bootstrap)? => Ok(()),
        Some(rlib) => compile(program, args, &rlib, bootstrap, is_debug_info_split),
        None if hollow => bail!(
            "`-Zno-codegen` was asked for a crate `{}` of the type {}\n  help: `splitlink rustc` makes hollow rlibs, by `--crate-type=rlib --emit=link=FILE`",
            args.shown_crate_name(),
            args.values("crate-type").next_back().unwrap_or("bin")
        ),
        None if knows_interfaces && args.sources().next().is_some() => {
            messages::run_command(rustc(program, bootstrap), args, Until::EndOfLinked, Watcher::default())
        }
        None => call(program, args, bootstrap),
    }
}

/// Takes the unstable option `name` out of `args` and gives its value.
fn take(args: &mut Vec<String>, name: &str) -> Option<String> {
    let at = args.iter().position(|arg| arg.strip_prefix("-Z").is_some_and(|option| option.split('=').next() == Some(name)))?;
    let option = args.remove(at);
    Some(option.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default())
}

/// Exchanges unstable options for stable ones. Returns whether unstable options are left, which
/// then need to be allowed.
fn without_unstable(args: &mut Vec<String>) -> Result<bool> {
    if let Some(to) = take(args, "remap-cwd-prefix") {
        let cwd = std::env::current_dir().context("cannot tell the working folder")?;
        args.push(format!("--remap-path-prefix={}={to}", cwd.display()));
    }
    // Only says how tests run that abort, and stable has no word for it.
    take(args, "panic-abort-tests");
    Ok(args.iter().any(|arg| arg.starts_with("-Z")))
}

/// Whether a crate is one that others wrote, by the sign that Cargo has for it as well.
fn is_of_others(args: &RustcArgs) -> bool {
    args.other_values("--cap-lints").any(|level| level == "allow")
}

/// Where the rlib goes, if `args` compile a library to one and nothing else.
fn library(args: &RustcArgs) -> Option<PathBuf> {
    let mut emitted = args.values("emit");
    let rlib = emitted.next()?.strip_prefix("link=")?;
    (emitted.next().is_none() && args.crate_types() == Ok(vec![CrateType::Rlib])).then(|| rlib.into())
}

/// Makes the folder for what rustc makes on the way: that is nobody's, but the folder may be an
/// output of the action.
fn make_out_dir(args: &RustcArgs) -> Result<()> {
    args.values("out-dir").try_for_each(|dir| fs::create_dir_all(dir).with_context(|| scratch::cannot_write(Path::new(dir))))
}

/// Compiles as far as the metadata, which becomes a hollow rlib.
fn make_hollow(program: &str, mut args: RustcArgs, rlib: &Path, bootstrap: bool, of_interface: bool) -> Result<()> {
    let mut places = Places::default();
    places.output("the hollow rlib", rlib);
    add_inputs(&mut places, &args);
    places.check()?;
    let scratch = Scratch::beside(rlib)?;
    make_out_dir(&args)?;
    let asked = Emitted::asked(&args);
    library::forget_outputs(&mut args);
    library::emit(&mut args, scratch.path(), &asked)?;
    let is_compiled = of_interface && interface::compile(|| rustc(program, bootstrap), &args, false, &scratch, None, None)?;
    if !is_compiled {
        let place = |kind: &str, _: &Path| (kind == "metadata").then(|| rlib.to_owned());
        messages::run_command(rustc(program, bootstrap), args, Until::Metadata, Watcher { place: Some(&place), ..Watcher::default() })?;
    }
    let hollow = scratch.path().join(HOLLOW);
    let metadata = if is_compiled { interface::metadata(&scratch) } else { library::emitted(scratch.path(), library::RMETA)? };
    rlib::write_hollow(&metadata, &hollow)?;
    scratch::publish(&hollow, rlib)
}

/// Compiles for two calls, one of which wants the hollow rlib: it is written beside the code, where
/// `worker` takes it while rustc stands still.
fn for_both(program: &str, mut args: RustcArgs, worker: &Worker) -> Result<()> {
    let scratch = Scratch::at(worker.scratch.as_deref().context("the server names no folder to work in")?)?;
    let asked = Emitted::asked(&args);
    library::forget_outputs(&mut args);
    library::emit(&mut args, scratch.path(), &asked)?;
    let started = |rustc: &Child| worker.started(rustc);
    let mut output = None;
    let mut suspend = |rustc: &mut Child, json: bool| {
        let hollow = || rlib::write_hollow(&library::emitted(scratch.path(), library::RMETA)?, &scratch.path().join(HOLLOW));
        output = Some(worker.suspend(rustc, json, hollow)?.output);
        Ok(())
    };
    // Where they end up, the calls for which this runs know.
    let place = |_: &str, _: &Path| None;
    let watcher = Watcher { started: Some(&started), metadata: Some(&mut suspend), place: Some(&place), ..Watcher::default() };
    messages::run_command(rustc(program, false), args, Until::EndWithAll, watcher)?;
    let rlib = || library::emitted(scratch.path(), library::RLIB);
    output.map_or(Ok(()), |output| scratch::publish(&rlib()?, &output))
}

/// Compiles to an rlib whose metadata is that of the crate's interface, as the hollow rlib's is.
/// Returns whether that was done, as [`interface::compile`] does.
fn compile_behind_interface(program: &str, mut args: RustcArgs, rlib: &Path, bootstrap: bool) -> Result<bool> {
    let scratch = Scratch::beside(rlib)?;
    make_out_dir(&args)?;
    let crate_name = args.shown_crate_name();
    let asked = Emitted::asked(&args);
    library::forget_outputs(&mut args);
    library::emit(&mut args, scratch.path(), &asked)?;
    if !interface::compile(|| rustc(program, bootstrap), &args, false, &scratch, None, None)? {
        return Ok(false);
    }
    let place = |kind: &str, path: &Path| library::place(kind, path, ("link", rlib), scratch.path(), &asked);
    messages::run_command(rustc(program, bootstrap), args, Until::EndWithAll, Watcher { place: Some(&place), ..Watcher::default() })?;
    interface::publish(&crate_name, &scratch, rlib, &interface::metadata(&scratch), &asked, SplitDebugInfo::default()).map(|()| true)
}

/// Compiles to an rlib. Metadata and notifications have to be asked for as well, or the crate would
/// have another hash than the hollow rlib.
fn compile(program: &str, mut args: RustcArgs, rlib: &Path, bootstrap: bool, is_debug_info_split: bool) -> Result<()> {
    let scratch = Scratch::beside(rlib)?;
    library::embed_no_bitcode(&mut args);
    args.push("emit", format!("metadata={}", scratch.path().join(library::RMETA).display()));
    let place = |kind: &str, path: &Path| (kind != "metadata").then(|| path.to_owned());
    messages::run_command(rustc(program, bootstrap), args, Until::EndWithAll, Watcher { place: Some(&place), ..Watcher::default() })?;
    // rustc puts `.dwo` files into the rlib, too, where no linker and no `dwp` reads them.
    let without = scratch.path().join(library::RLIB);
    if is_debug_info_split && split_debug_info::write_without_dwo(&Archive::read(rlib)?, &without)? {
        scratch::publish(&without, rlib)?;
    }
    Ok(())
}

fn call(program: &str, args: RustcArgs, bootstrap: bool) -> Result<()> {
    let status = rustc(program, bootstrap).args(args.into_args()).status().with_context(|| command::cannot_start("rustc", program))?;
    if status.success() { Ok(()) } else { Err(ChildFailed::from_status(status).into()) }
}

/// The command; the variable is left away where nothing unstable is used, for it would enter the
/// hash of the crate.
fn rustc(program: &str, bootstrap: bool) -> Command {
    let mut command = Command::new(program);
    if !bootstrap {
        command.env_remove(BOOTSTRAP);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_ascii_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn unstable_options() {
        let mut args = words("a.rs -Zno-codegen -Zremap-cwd-prefix=. -Zpanic-abort-tests=yes -Zno-codegen-x");
        assert_eq!(take(&mut args, "no-codegen"), Some(String::new()));
        assert_eq!(take(&mut args, "no-codegen"), None);
        assert!(without_unstable(&mut args).unwrap(), "one is left: {args:?}");
        args.retain(|arg| arg != "-Zno-codegen-x");
        assert!(!without_unstable(&mut args).unwrap(), "none is left: {args:?}");
        assert!(args[1].starts_with("--remap-path-prefix=/") && args[1].ends_with("=."), "{args:?}");
    }

    #[test]
    fn what_is_a_library() {
        let library = |line| library(&RustcArgs::parse(words(line)));
        assert_eq!(library("--crate-type=rlib --emit=link=d/liba.rlib"), Some("d/liba.rlib".into()));
        for other in ["--crate-type=rlib --emit=metadata=a.rmeta", "--crate-type=bin --emit=link=a", "--crate-type=rlib", "-vV"] {
            assert_eq!(library(other), None, "{other}");
        }
    }
}
