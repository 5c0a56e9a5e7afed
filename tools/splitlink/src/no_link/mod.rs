//! The no-link phase of a linked crate: rustc compiles it against hollow rlibs and calls us as its
//! linker.
//!
//! Its steps: [`asked`] is what the command wants, [`rustc_command`] the command that follows from
//! it. rustc compiles, and [`capture`] records its calls of the linker. [`links`] makes a link of
//! the plan of each call. Plan and modules are published.

pub(crate) mod asked;
pub(crate) mod capture;
pub(crate) mod classify;
pub(crate) mod dylib_of;
pub(crate) mod linker_messages;
pub(crate) mod links;
pub(crate) mod mach_o;
pub(crate) mod metadata_formats;
pub(crate) mod module_name;
pub(crate) mod portable;
pub(crate) mod rustc_command;
pub(crate) mod staticlib;

use crate::compile::dependencies::Dependencies;
use crate::compile::dlltool;
use crate::compile::emitted::Targets;
use crate::compile::incremental::Incremental;
use crate::compile::split_debug_info::SplitDebugInfo;
use crate::files::archive::file_name;
use crate::files::scratch::{self, Finished, Scratch};
use crate::interface::messages;
use crate::plan::crate_type::CrateType;
use crate::plan::{LinkPlan, VERSION};
use crate::rustc::args::RustcArgs;
use crate::rustc::command::{self, Given};
use crate::rustc::diagnostics::{Place, Until, Watcher};
use crate::rustc::target_format::{self, Format};
use crate::worker::attached::Worker;
use anyhow::{Context, Result, bail};
use asked::Asked;
use links::Links;
use rustc_command::RustcCommand;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the phase makes.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a> {
    /// Where the plan goes.
    pub plan: &'a Path,
    /// The folder for the modules.
    pub modules: &'a Path,
    /// The metadata of the library crate whose dylib is planned; the command then only says for
    /// what target and how.
    pub dylib_of: Option<&'a Path>,
    /// The crate types in place of the command's; none for these.
    pub crate_types: &'a [CrateType],
    /// The folders of shared libraries to which the build system's own run paths lead.
    pub run_path_dirs: &'a [PathBuf],
    /// The crate's name in place of the command's.
    pub crate_name: Option<&'a str>,
}

/// Runs the phase: writes the plan to `plan` and the modules into the folder `modules`.
///
/// # Errors
/// rustc's own; that its linker call is not understood; that an output cannot be written.
pub fn run(
    outputs: &Outputs<'_>,
    incremental: bool,
    dependencies: &Dependencies,
    own_args: &[String],
    command: &[String],
    worker: Option<&Worker>,
) -> Result<()> {
    let (program, mut args) = match Given::parse(command)? {
        Given::Wrapper { wrapper, wrapped } => return command::run_wrapped(&wrapper, own_args, &wrapped),
        Given::Rustc { program, args } => (program, args),
    };
    if let Some(name) = outputs.crate_name {
        args.set_crate_name(name);
    }
    if dependencies.lto {
        // link-only does it.
        args.remove_codegen("lto", |_| true);
    }
    let dwo_dir = dependencies.dwo_dir.as_deref();
    let asked = Asked::new(&args, outputs, dwo_dir)?;
    if dependencies.lto
        && let Some(kind) = asked.emitted.code()
    {
        bail!(
            "the crate `{}` is compiled for LTO, and `--emit={kind}` asks for code as it is before LTO\n  \
             help: leave it out, or leave out `--lto`; what LTO makes is code of link-only's artifact alone",
            asked.crate_name
        );
    }
    if dependencies.lto
        && let Some(format) = target_format::of_command(&args).filter(|format| *format != Format::WebAssembly)
    {
        bail!(
            "the crate `{}` is compiled for LTO, and its objects are {format}: splitlink does LTO of ELF and WebAssembly objects alone\n  \
             help: leave out `--lto`, here and where its dependencies are compiled",
            asked.crate_name
        );
    }
    if asked.library.is_some() {
        // What would be split is the empty crate's.
        args.remove_codegen("split-debuginfo", |_| true);
    }
    let split = SplitDebugInfo::prepare(&mut args, dwo_dir, dependencies.lto)?;
    let mut places = dependencies.places(&args);
    asked.emitted.add_outputs(&mut places);
    places.output("the link plan", outputs.plan);
    places.output_folder("the folder of modules", outputs.modules);
    if let Some(dir) = dwo_dir {
        places.output_folder("the folder of debug information", dir);
    }
    places.check()?;
    let scratch = Scratch::beside(outputs.plan)?;
    let mut rustc = RustcCommand::new(program, args, &asked, dependencies, &scratch)?;
    split.name_in(&mut rustc.args, &rustc.out);
    let incremental = Incremental::prepare_if(incremental, &mut rustc.args, worker, &scratch)?;
    let written = || asked.emitted.written(&rustc.out, |file| file.extension().is_some_and(is_linked));
    // What is linked is no output of this action.
    let place = |_: &str, path: &Path| written().ok()?.place(path);
    let place: Option<&Place<'_>> = asked.emitted.notifies.then_some(&place);
    let calls = incremental.ended(compile(&rustc.program, rustc.args.clone(), asked.linker.as_deref(), &scratch, place))?;
    mach_o::refuse_other_sdk(&asked.crate_name, &calls)?;
    let Links { links, files } = Links::new(&asked, &rustc, &calls, &scratch)?;
    let own_allocator = links::has_own_allocator(&links, &files)?;
    let (crates, unlinked) = links::linked_and_unlinked(&links, dependencies)?;
    let module = files.iter().find(|(name, _)| name.ends_with(".o") && !name.ends_with("symbols.o")).map(|(_, file)| fs::read(file));
    let linker_messages = linker_messages::level(&rustc.args, module.transpose().unwrap_or_default().as_deref());
    split.check(files.values(), &asked.crate_name, &rustc.out)?;
    let mut finished = Finished::default();
    split.take(&rustc.out, &mut finished)?;
    let made: Vec<_> = links.iter().map(|link| (rustc.out.join(&link.file_name), "link")).collect();
    written()?.finish(&Targets { own: outputs.plan, made: &made }, |file| !made.iter().any(|(made, _)| made == file), &mut finished)?;
    publish_modules(&files, outputs.modules, rustc.args.codegen("incremental").is_some())?;
    let plan = LinkPlan {
        version: VERSION,
        crate_name: asked.planned_crate().to_owned(),
        crates,
        unlinked,
        prefer_dynamic: asked.prefer_dynamic,
        linker_messages,
        print_link_args: asked.print_link_args,
        own_allocator,
        lto: rustc.lto.then(|| asked::lto_options(&rustc.args)),
        links,
    };
    finished.add_bytes(&scratch, plan.to_text().as_bytes(), outputs.plan.to_owned())?;
    finished.publish()
}

/// Whether a file with this extension is linked, or an archive.
fn is_linked(extension: &OsStr) -> bool {
    ["a", "so", "dylib", "wasm", "exe", "dll", "rlib"].iter().any(|linked| extension == *linked)
}

/// Compiles, with this program as the linker, and returns the recorded calls.
/// Whoever wants to be told of files hears of those that have a `place`.
fn compile(
    program: &str,
    mut args: RustcArgs,
    linker: Option<&str>,
    scratch: &Scratch,
    place: Option<&Place<'_>>,
) -> Result<Vec<capture::Invocation>> {
    dlltool::stand_in_front(&mut args, scratch.path())?;
    // rustc infers the linker's flavor from its name; a name that it does not know means the
    // target's own flavor.
    let name = linker.map_or("splitlink".to_owned(), |linker| file_name(Path::new(linker)));
    let recorder = capture::recorder(scratch, &name)?;
    args.remove("codegen", |value| value.starts_with("linker="));
    args.push("codegen", format!("linker={}", recorder.display()));
    messages::run_command(Command::new(program), args, Until::EndOfLinked, Watcher { place, ..Watcher::default() })?;
    capture::recorded(scratch)
}

/// Moves the modules into the folder for them; on failure none is left there, nor the folder if it
/// was not there before.
fn publish_modules(files: &BTreeMap<String, PathBuf>, modules: &Path, is_incremental: bool) -> Result<()> {
    let was_there = modules.exists();
    let put = || -> Result<()> {
        fs::create_dir_all(modules).with_context(|| format!("cannot make the folder of modules `{}`", modules.display()))?;
        for (name, from) in files {
            let to = modules.join(name);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
            }
            // What is there may have another name elsewhere, and is not to be written into.
            let _ = fs::remove_file(&to);
            // The capture may hold a file of several links once; a copy is needed only across file
            // systems, and where rustc keeps the same file for its next run: who writes to a module
            // or changes its mode must not do so there.
            let put = if is_incremental { fs::copy(from, &to).map(drop) } else { scratch::link_or_copy(from, &to) };
            put.with_context(|| scratch::cannot_write(&to))?;
        }
        Ok(())
    };
    put().inspect_err(|_| {
        if !was_there {
            let _ = fs::remove_dir_all(modules);
        }
        for name in files.keys() {
            let _ = fs::remove_file(modules.join(name));
        }
    })
}
