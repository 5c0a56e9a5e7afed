//! What both compilations of a library have in common: what rustc is asked for, and what is done
//! with what it writes.

use super::dlltool;
use super::emitted::{Emitted, Targets, Written};
use super::split_debug_info::{self, SplitDebugInfo};
use crate::files::scratch::{self, Finished, Scratch};
use crate::plan::crate_type::CrateType;
use crate::rustc::args::RustcArgs;
use crate::worker::attached::Worker;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// What [`emit`] calls the metadata, where it can.
pub(crate) const RMETA: &str = "out.rmeta";

/// What [`emit`] calls the code, where it can.
pub(crate) const RLIB: &str = "out.rlib";

/// The scratch folder for the library `output`: the one that the `worker` names, or one beside it.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn scratch(output: &Path, worker: Option<&Worker>) -> Result<Scratch> {
    match worker.and_then(|worker| worker.scratch.as_deref()) {
        Some(dir) => Scratch::at_or_beside(dir),
        None => Scratch::beside(output),
    }
}

/// Takes away where the command wanted its outputs.
pub(crate) fn forget_outputs(args: &mut RustcArgs) {
    for name in ["emit", "out-dir", "output"] {
        args.remove(name, |_| true);
    }
}

/// Leaves of the command's crate types the rlib, the one that is no link and has metadata and code
/// to split. `dwo_dir` is where `.dwo` files go, if they may be.
pub(crate) fn require_library(args: &mut RustcArgs, dwo_dir: Option<&Path>) -> Result<()> {
    let types = args.crate_types()?;
    if types.len() > 1 && types.contains(&CrateType::Rlib) {
        args.set_crate_types(&[CrateType::Rlib]);
    } else if types != [CrateType::Rlib] {
        bail!(
            "the crate `{}` is built as {}, which is linked\n  help: `splitlink metadata` and `splitlink codegen` are for rlibs; use `splitlink no-link`",
            args.shown_crate_name(),
            types.iter().map(|crate_type| crate_type.name()).collect::<Vec<_>>().join(", ")
        );
    }
    if let (Some(split @ "unpacked"), None) = (split_debug_info::asked(args), dwo_dir) {
        bail!(
            "the crate `{}` is compiled with `-Csplit-debuginfo={split}`, which puts debug information into `.dwo` files beside the rlib\n  {}",
            args.shown_crate_name(),
            split_debug_info::HELP
        );
    }
    Ok(())
}

/// Asks for metadata and code in `dir`: what rustc writes as metadata differs when no code is asked
/// for. What else is `asked` goes there, too.
pub(crate) fn emit(args: &mut RustcArgs, dir: &Path, asked: &Emitted) -> Result<()> {
    embed_no_bitcode(args);
    dlltool::stand_in_front(args, dir)?;
    if has_comma(dir) {
        args.push("emit", "metadata,link");
    } else {
        args.push("emit", format!("metadata={}", dir.join(RMETA).display()));
        args.push("emit", format!("link={}", dir.join(RLIB).display()));
    }
    asked.ask_for(args, &others(dir), &["metadata", "link"])?;
    // Where the objects are made on the way: else in the working folder, where another action of
    // this crate makes the same.
    let others = others(dir);
    fs::create_dir_all(&others).with_context(|| scratch::cannot_write(&others))?;
    args.push("out-dir", others.to_string_lossy());
    Ok(())
}

/// Where [`emit`] has what is neither metadata nor code.
pub(crate) fn others(dir: &Path) -> PathBuf {
    if has_comma(dir) { dir.to_owned() } else { dir.join("emitted") }
}

/// What rustc has written into `dir` besides metadata and code, as `asked`.
pub(crate) fn written<'e>(dir: &Path, asked: &'e Emitted) -> Result<Written<'e>> {
    asked.written(&others(dir), |file| file.extension().is_some_and(|extension| extension == "rmeta" || extension == "rlib"))
}

/// Puts into `finished` what rustc has written into `dir` that `wanted` picks, for an action that
/// makes `output`.
pub(crate) fn finish(dir: &Path, asked: &Emitted, output: &Path, wanted: impl Fn(&Path) -> bool, finished: &mut Finished) -> Result<()> {
    let made = [(emitted(dir, RMETA)?, "metadata"), (dir.join(RLIB), "rlib")];
    written(dir, asked)?.finish(&Targets { own: output, made: &made }, wanted, finished)
}

/// Where a file ends up that rustc says it has written: `output` is for the metadata or the code,
/// as `kind` says. The other of the two is no output of the action.
pub(crate) fn place(kind: &str, path: &Path, output: (&str, &Path), dir: &Path, asked: &Emitted) -> Option<PathBuf> {
    match kind {
        _ if kind == output.0 => Some(output.1.to_owned()),
        "metadata" | "link" => None,
        _ => written(dir, asked).ok()?.place(path),
    }
}

/// Whether rustc would take `dir` in an `--emit` for two things to emit.
pub(crate) fn has_comma(dir: &Path) -> bool {
    dir.to_string_lossy().contains(',')
}

/// Where rustc has written what [`emit`] calls `name` in `dir`; it has names of its own where it
/// was told none.
///
/// # Errors
/// If it is not there.
pub(crate) fn emitted(dir: &Path, name: &str) -> Result<PathBuf> {
    let file = dir.join(name);
    if !has_comma(dir) {
        return Ok(file);
    }
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list `{}`", dir.display()))?;
    let found = entries.flatten().map(|entry| entry.path()).find(|path| path.extension() == file.extension());
    found.with_context(|| format!("rustc wrote no file like `{}`", file.display()))
}

/// Has the code of a library be machine code alone, or bitcode alone, unless somebody wants both.
pub(crate) fn embed_no_bitcode(args: &mut RustcArgs) {
    // rustc refuses this together with LTO of its own.
    if ["lto", "embed-bitcode"].iter().all(|key| args.codegen(key).is_none()) {
        args.push("codegen", "embed-bitcode=no");
    }
}

/// Checks what rustc has written into `scratch` against the `published` metadata, and moves the
/// library into its place.
pub(crate) fn publish(
    crate_name: &str,
    scratch: &Scratch,
    output: &Path,
    published: &Path,
    asked: &Emitted,
    split: SplitDebugInfo<'_>,
) -> Result<()> {
    if read(&emitted(scratch.path(), RMETA)?)? != read(published)? {
        bail!(
            "the crate `{crate_name}` came out different the second time: the metadata of its code differs from `{}`, which its dependents were compiled against\n  \
             help: likely causes are a proc macro or build script whose output varies (with time, hash order or a random number), \
             an environment variable that the crate or a macro reads at compile time and that differs between the two actions, \
             or a source file that changed in between",
            published.display()
        );
    }
    publish_as(crate_name, scratch, output, asked, split, Ok)
}

/// Moves the library that rustc has written into `scratch` to `output`, as `made_of` makes it of
/// rustc's rlib, and what else was `asked` for.
pub(crate) fn publish_as(
    crate_name: &str,
    scratch: &Scratch,
    output: &Path,
    asked: &Emitted,
    split: SplitDebugInfo<'_>,
    made_of: impl FnOnce(PathBuf) -> Result<PathBuf>,
) -> Result<()> {
    let mut finished = Finished::default();
    let others = others(scratch.path());
    split.take(&others, &mut finished)?;
    finish(scratch.path(), asked, output, |_| true, &mut finished)?;
    let rlib = split.without_dwo(emitted(scratch.path(), RLIB)?, crate_name, &others)?;
    finished.add(made_of(rlib)?, output.to_owned());
    finished.publish()
}

/// Reads published metadata.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| {
        format!("cannot read the metadata `{}`\n  help: is it among the action's inputs? `splitlink metadata` writes it", path.display())
    })
}
