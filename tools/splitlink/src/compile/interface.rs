//! A library in two compilations that see different sources: its metadata comes from its interface,
//! its code from its source.

use super::emitted::{Emitted, is_dep_info};
use super::incremental::{self, Incremental};
use super::library;
use super::split_debug_info::SplitDebugInfo;
use crate::files::archive::{Archive, Builder};
use crate::files::definitions::Definitions;
use crate::files::rlib;
use crate::files::scratch::{self, Scratch};
use crate::interface::tree::{self, Extent, Tree};
use crate::interface::{name_symbols, refused};
use crate::rustc::args::RustcArgs;
use crate::rustc::command::ChildFailed;
use crate::rustc::diagnostics::{self, AtMetadata, Until, Watcher};
use crate::rustc::version;
use crate::worker::attached::Worker;
use anyhow::{Context, Result};
use object::write::Object;
use object::{BinaryFormat, Object as _, SectionFlags, SectionKind, elf};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Whether the crate that `args` compile may have an interface. Its symbols then get names that do
/// not depend on bodies.
pub(crate) fn prepare(args: &mut RustcArgs) -> bool {
    let may = refused(args).is_none();
    if may {
        name_symbols(args);
    }
    may
}

/// Compiles the interface of the crate that `args` compile by `rustc`, as far as its metadata, which
/// [`metadata`] then is; incrementally if that is wanted, and with a call of `at_metadata` then. Returns whether that was done: a crate may
/// have none but itself, and one that is no crate at all is left to the compilation of its source,
/// which says what is wrong with it.
///
/// # Errors
/// If rustc cannot be started, or a file not be written.
pub(crate) fn compile(
    rustc: impl Fn() -> Command,
    args: &RustcArgs,
    incremental: bool,
    scratch: &Scratch,
    worker: Option<&Worker>,
    mut at_metadata: Option<&mut AtMetadata<'_>>,
) -> Result<bool> {
    let Some(source) = source(args) else { return Ok(false) };
    let root = Path::new(&source);
    let conditions = args.conditions().collect();
    let externs: BTreeSet<String> = args.values("extern").map(|value| extern_name(value).to_owned()).collect();
    let started = worker.map(|worker| move |rustc: &Child| worker.started(rustc));
    let started = started.as_ref().map(|started| started as &dyn Fn(&Child));
    let folder = Incremental::interface_sources(incremental, worker, scratch);
    let is_kept = incremental && worker.is_some_and(|worker| worker.incremental.is_some());
    let at_metadata_is_wanted = at_metadata.is_some();
    // rustc is to write down what it may use again, which it does at its end.
    let until = if is_kept { Until::EndInSilence } else { Until::MetadataInSilence };
    // What nothing seems to name may be named all the same, in parts by a macro.
    for extent in [None, Some(Extent::Reduced), Some(Extent::Full)] {
        let tree = match extent {
            None if is_kept => Tree::kept(root, &conditions, &externs, &folder),
            None => None,
            Some(extent) => {
                incremental::remove(&folder)?;
                let Some(tree) = Tree::write(root, &conditions, &externs, extent, &folder)? else { break };
                Some(tree)
            }
        };
        let Some(tree) = tree else { continue };
        let renamings: Vec<_> = renamings(args).collect();
        let mut args = args.clone();
        let session = Incremental::prepare_interface(incremental, &mut args, worker, scratch)?;
        let mut called = false;
        let keep = || {
            if is_kept && extent.is_some() {
                tree.keep(root, &conditions, &externs);
            }
            write_metadata(scratch, &tree.definitions.renamed(&renamings))?;
            name_sources(&library::others(scratch.path()), &tree.folder)
        };
        let mut call = |rustc: &mut Child, json: bool| {
            called = true;
            keep()?;
            at_metadata.as_mut().map_or(Ok(()), |at_metadata| at_metadata(rustc, json))
        };
        let metadata = (is_kept && at_metadata_is_wanted).then_some(&mut call as _);
        let made = diagnostics::run_command(rustc(), in_place(args, &tree), until, Watcher { started, metadata, ..Watcher::default() });
        match session.ended(made) {
            Ok(()) => return if called { Ok(true) } else { keep().map(|()| true) },
            // What it has called for counts, whatever else rustc says.
            Err(error) if called || !error.is::<ChildFailed>() => return Err(error),
            Err(_) if extent.is_some() && !tree.is_reduced => break,
            Err(_) => {}
        }
    }
    Ok(false)
}

/// Where [`compile`] puts the metadata for others.
const METADATA: &str = "interface.metadata";

/// Copies the metadata that rustc has written into `scratch`, with `definitions` behind it. rustc may
/// use its own file again.
fn write_metadata(scratch: &Scratch, definitions: &Definitions) -> Result<()> {
    let rmeta = library::emitted(scratch.path(), library::RMETA)?;
    version::check_rmeta(&rmeta)?;
    let mut metadata = library::read(&rmeta)?;
    if !definitions.is_empty() {
        metadata.extend(definitions.to_bytes());
    }
    let file = scratch.path().join(METADATA);
    fs::write(&file, metadata).with_context(|| scratch::cannot_write(&file))
}

/// The metadata that [`compile`] has made.
pub(crate) fn metadata(scratch: &Scratch) -> PathBuf {
    scratch.path().join(METADATA)
}

/// What the command calls its sources in place of their paths below the working folder, each as the
/// beginnings of the path and of the name.
fn renamings(args: &RustcArgs) -> impl Iterator<Item = (&str, &str)> {
    args.other_values("--remap-path-prefix").filter(|value| !value.starts_with('/')).filter_map(|value| value.rsplit_once('='))
}

/// The arguments that compile `tree` as `args` compile the crate in the working folder.
fn in_place(mut args: RustcArgs, tree: &Tree) -> RustcArgs {
    args.remove_source();
    args.push_other(tree.root.to_string_lossy());
    // rustc takes the last one that fits, and that one alone.
    let folder = tree.folder.display();
    let given = args.other_values("--remap-path-prefix").filter(|value| !value.starts_with('/'));
    let of_copies: Vec<_> = given.map(|value| format!("{folder}/{value}")).collect();
    args.push("remap-path-prefix", format!("{folder}="));
    of_copies.into_iter().for_each(|value| args.push("remap-path-prefix", value));
    args.allow_lints();
    args
}

/// Has the dependency information in `dir` name the sources themselves in place of those below
/// `folder`, which stands for the working folder.
fn name_sources(dir: &Path, folder: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list `{}`", dir.display()))?;
    for file in entries.flatten().map(|entry| entry.path()).filter(|file| is_dep_info(file)) {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let folder = format!("{}/", folder.display());
        // rustc has a backslash before each space in it.
        let text = text.replace(&folder, "").replace(&folder.replace(' ', "\\ "), "");
        fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}

/// Whether [`compile`] may have made the metadata of the crate that `args` compile, so that nobody
/// has seen rustc's messages yet.
pub(crate) fn is_possible(args: &RustcArgs) -> bool {
    source(args).is_some_and(|source| tree::is_possible(Path::new(&source), &args.conditions().collect()))
}

fn source(args: &RustcArgs) -> Option<String> {
    let mut sources = args.sources().filter(|source| source.ends_with(".rs"));
    sources.next().filter(|_| sources.next().is_none()).map(str::to_owned)
}

/// The name by which a crate knows another: `name` of `name=path`, which options may precede.
fn extern_name(value: &str) -> &str {
    let name = value.split_once('=').map_or(value, |(name, _)| name);
    name.rsplit(':').next().unwrap_or(name)
}

/// Moves the library that rustc has written into `scratch` to `output`, with the `published`
/// metadata of its interface in place of its own: that is what dependents were compiled against.
///
/// # Errors
/// If a file cannot be read or written.
pub(crate) fn publish(
    crate_name: &str,
    scratch: &Scratch,
    output: &Path,
    published: &Path,
    asked: &Emitted,
    split: SplitDebugInfo<'_>,
) -> Result<()> {
    library::publish_as(crate_name, scratch, output, asked, split, |made| {
        let published = library::read(published)?;
        if library::read(&library::emitted(scratch.path(), library::RMETA)?)? == published {
            return Ok(made);
        }
        let archive = Archive::read(&made)?;
        let mut exchanged = Builder::default();
        for member in &archive.members {
            if member.name == rlib::METADATA_MEMBER {
                exchanged.add_bytes(&member.name, wrapped_like(archive.contents(member), &published)?);
            } else {
                exchanged.add_members(&archive, |other| std::ptr::eq(other, member));
            }
        }
        let new = scratch.path().join("exchanged.rlib");
        exchanged.write(&new)?;
        Ok(new)
    })
}

/// `metadata` in an object file like `member` is, so that linkers take the archive for an ordinary
/// one (`rustc_codegen_ssa::back::metadata::create_wrapper_file`, 1.95).
fn wrapped_like(member: &[u8], metadata: &[u8]) -> Result<Vec<u8>> {
    if !member.starts_with(&elf::ELFMAG) {
        return Ok(metadata.to_owned());
    }
    let like = object::File::parse(member).context("the metadata member of rustc's rlib is broken")?;
    let mut object = Object::new(BinaryFormat::Elf, like.architecture(), like.endianness());
    object.flags = like.flags();
    let section = object.add_section(Vec::new(), b".rmeta".to_vec(), SectionKind::Debug);
    object.section_mut(section).flags = SectionFlags::Elf { sh_flags: u64::from(elf::SHF_EXCLUDE) };
    object.append_section_data(section, metadata, 1);
    Ok(object.write()?)
}
