//! The links of a plan: one for each crate type, of rustc's call of the linker or of the archive
//! that it wrote.

use super::asked::Asked;
use super::capture::{Invocation, Temporary};
use super::classify::{self, Line};
use super::rustc_command::RustcCommand;
use super::staticlib::{self, made_archive};
use super::{dylib_of, metadata_formats, module_name};
use crate::compile::dependencies::Dependencies;
use crate::files::archive::file_name;
use crate::files::crates;
use crate::files::rlib;
use crate::files::scratch::{self, Scratch};
use crate::lto::kept;
use crate::plan::crate_type::CrateType;
use crate::plan::linker_flavor::LinkerFlavor;
use crate::plan::{Crate, Item, Link};
use crate::rustc::args::RustcArgs;
use crate::rustc::target_format::{self, Format};
use crate::rustc::version;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The linker that rustc calls for `target` when it is not told one, by its `call` of what stands in
/// for it: lld, which is several linkers, is told first which of them it is.
fn default_linker(call: &Invocation, target: Option<&str>) -> &'static str {
    if call.args.first().is_some_and(|arg| arg == "-flavor") { "rust-lld" } else { target_format::default_driver(target) }
}

/// The links, and the modules that they name.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// One for each crate type that is asked for, in order.
    pub(crate) links: Vec<Link>,
    /// Name in the folder of modules → where the file is now.
    pub(crate) files: BTreeMap<String, PathBuf>,
}

impl Links {
    /// Makes the links of what rustc has done: its `calls` of the linker, and what it wrote.
    ///
    /// # Errors
    /// If a call is missing or not understood.
    pub(crate) fn new(asked: &Asked, rustc: &RustcCommand, calls: &[Invocation], scratch: &Scratch) -> Result<Self> {
        // Another version's call may mean anything.
        let rlibs = calls.iter().flat_map(|call| &call.args).filter(|arg| arg.ends_with(".rlib"));
        let beginning = rlibs.take(1).find_map(|rlib| rlib::beginning_of_metadata(Path::new(rlib)).ok());
        version::check_beginning(&beginning.unwrap_or_default())?;
        let making = Making { asked, rustc, calls, scratch, cwd: &std::env::current_dir().context("cannot tell the working folder")? };
        let target = rustc.args.values("target").next_back();
        let mut all = Self::default();
        for &crate_type in &asked.crate_types {
            let (line, file_name) =
                if crate_type.is_made_by_linker() { making.line_of_call(crate_type)? } else { making.line_of_archive()? };
            for (name, from) in line.files {
                all.files.entry(name).or_insert(from);
            }
            let call = making.call(crate_type).filter(|_| crate_type.is_made_by_linker());
            let linker = call.map(|call| asked.linker.as_deref().unwrap_or_else(|| default_linker(call, target)));
            let linker = linker.map(|linker| linker_program(linker, making.cwd));
            let mut link = Link { crate_type, file_name, output_dir: None, linker, line: line.items };
            // Else the plan would differ between two configurations of a build system by that alone.
            if link.needs_output_dir() {
                link.output_dir = Some(relative(&asked.dir, making.cwd));
            }
            all.links.push(link);
        }
        Ok(all)
    }
}

/// What rustc's allocator shim calls where no crate has a `#[global_allocator]`: the standard
/// library's allocator (`default_lib_allocator` in std, 1.95).
const DEFAULT_ALLOCATOR: &[u8] = b"__rdl_dealloc";

/// Whether the crate or one below it has a `#[global_allocator]`. Of a crate without one, the shim
/// calls the standard library's, be it an object or bitcode.
///
/// # Errors
/// If the shim cannot be read.
pub(crate) fn has_own_allocator(links: &[Link], files: &BTreeMap<String, PathBuf>) -> Result<bool> {
    let shim = links.iter().flat_map(|link| &link.line).find_map(|item| match item {
        Item::AllocatorShim { file } => files.get(file),
        _ => None,
    });
    let Some(shim) = shim else { return Ok(false) };
    let bytes = std::fs::read(shim).with_context(|| format!("cannot read the allocator shim `{}`", shim.display()))?;
    Ok(!bytes.windows(DEFAULT_ALLOCATOR.len()).any(|window| window == DEFAULT_ALLOCATOR))
}

/// What the links are made from.
struct Making<'a> {
    asked: &'a Asked,
    rustc: &'a RustcCommand,
    calls: &'a [Invocation],
    scratch: &'a Scratch,
    cwd: &'a Path,
}

impl Making<'_> {
    /// rustc's call of the linker for `crate_type`: it makes one for each, in order.
    fn call(&self, crate_type: CrateType) -> Option<&Invocation> {
        let mut linked = self.rustc.crate_types.iter().filter(|crate_type| crate_type.is_made_by_linker());
        self.calls.get(linked.position(|linked| *linked == crate_type)?)
    }

    /// The line of what the linker makes, and the file's name.
    fn line_of_call(&self, crate_type: CrateType) -> Result<(Line, String)> {
        let Self { asked, rustc, scratch, cwd, .. } = self;
        let call = self.call(crate_type).with_context(|| {
            format!(
                "rustc did not call the linker for the {crate_type} `{}`\n  \
                 help: does the source ask for another crate type (`#![crate_type]`)? name it with `--crate-type`",
                asked.crate_name
            )
        })?;
        let context = classify::Context {
            crate_name: &asked.crate_name,
            crate_type,
            deps: &[rustc.folder.dir.clone(), cwd.join(&rustc.folder.dir)],
            temporary: &Temporary::new(scratch.path())?,
            cwd,
            out: &rustc.out,
            output_dir: Path::new(&asked.dir),
            link_args: asked.link_args.clone(),
            library_paths: native_dirs(&rustc.args),
            sysroot: rustc.args.values("sysroot").next_back(),
            run_path_dirs: &asked.run_path_dirs,
            allocator_shim: module_name::allocator_shim(call, rustc.args.codegen("incremental").is_some()),
        };
        let mut line = classify::classify(call, &context)?;
        if target_format::of_command(&rustc.args) == Some(Format::Coff) {
            // In front of the user's own arguments, which may say otherwise.
            let no_time = LinkerFlavor::of(&line.items).flag("--no-insert-timestamp");
            line.items.insert(0, Item::TargetFlag { arg: no_time });
        }
        if let Some(library) = &asked.library {
            dylib_of::exchange_own(&mut line, &library.id);
        } else if crate_type == CrateType::Dylib {
            metadata_formats::note(&mut line, &rustc.program, rustc.args.toolchain(), scratch)?;
        }
        Ok((line, file_name(&output_of(call)?)))
    }

    /// The version script that exports what a cdylib does; none if rustc has not said what that is.
    fn exported_of_cdylib(&self) -> Result<Option<PathBuf>> {
        let Some(call) = self.call(CrateType::Cdylib) else { return Ok(None) };
        if target_format::of_command(&self.rustc.args) == Some(Format::WebAssembly) {
            // WebAssembly's linker is given arguments in its place.
            let names = kept::of_arguments(call.args.iter().map(String::as_str));
            let names: String = names.iter().map(|name| format!("    {name};\n")).collect();
            let file = self.scratch.path().join("exported");
            fs::write(&file, format!("{{\n  global:\n{names}\n  local:\n    *;\n}};\n")).with_context(|| scratch::cannot_write(&file))?;
            return Ok(Some(file));
        }
        let list = call.saved.iter().find(|(path, _)| path.ends_with("/list"));
        Ok(list.map(|(_, list)| list.clone()))
    }

    /// The line of a staticlib, and the file's name.
    fn line_of_archive(&self) -> Result<(Line, String)> {
        let Self { asked, rustc, .. } = self;
        let asked_for = asked.file_name.as_deref().filter(|_| rustc.crate_types.len() == 1);
        let archive = made_archive(&rustc.out, asked_for)?;
        let mut line = staticlib::line(&archive, rustc, self.scratch, self.cwd)?;
        if rustc.lto {
            let list = self.exported_of_cdylib()?;
            let list = list
                .context("rustc listed no symbols for a cdylib, which LTO of a staticlib goes by\n  help: does the target know cdylibs?")?;
            let file = line.add("staticlib/list".into(), list);
            line.items.push(Item::ExportedSymbols { file });
        }
        let name = asked.file_name.clone().filter(|_| asked.crate_types.len() == 1);
        Ok((line, name.unwrap_or_else(|| file_name(&archive))))
    }
}

/// The folders of `-L` that rustc has the linker search.
fn native_dirs(args: &RustcArgs) -> Vec<String> {
    let for_linker = args.library_dirs().filter(|(kind, _)| matches!(*kind, "all" | "native"));
    for_linker.map(|(_, dir)| dir.to_owned()).collect()
}

fn output_of(call: &Invocation) -> Result<PathBuf> {
    let at = call.args.iter().position(|arg| arg == "-o");
    let path = at.and_then(|at| call.args.get(at + 1));
    Ok(path.context("rustc's linker call has no `-o`\n  help: splitlink knows linkers that are called like cc or ld")?.into())
}

/// The crates of the lines, each with what tells its build from others, and the other crates that
/// were given.
pub(crate) fn linked_and_unlinked(links: &[Link], dependencies: &Dependencies) -> Result<(Vec<Crate>, Vec<String>)> {
    let linked: BTreeSet<&str> = links
        .iter()
        .flat_map(|link| &link.line)
        .filter_map(|item| if let Item::Crate { id } | Item::WholeCrate { id } = item { Some(id.as_str()) } else { None })
        .collect();
    let given = dependencies.given()?.metadata;
    // What else is in a folder is nothing to this crate.
    let named = crates::by_identity(&dependencies.metadata)?;
    let unlinked = named.into_keys().filter(|id| !linked.contains(id.as_str())).collect();
    let stamped = linked.into_iter().map(|id| {
        let path = given.get(id).with_context(|| format!("rustc links the crate `{id}`, whose metadata was not given"))?;
        Ok(Crate { id: id.to_owned(), stamp: rlib::stamp(path)? })
    });
    Ok((stamped.collect::<Result<_>>()?, unlinked))
}

/// The linker as it is called: a bare name is looked up on the path, so a file in the working
/// folder itself keeps a slash.
fn linker_program(linker: &str, cwd: &Path) -> String {
    let relative = relative(linker, cwd);
    if linker.contains('/') && !relative.contains('/') { format!("./{relative}") } else { relative }
}

/// `path` relative to the working folder if it is inside, else as it is. In `/`, where some machines
/// lay an action's inputs out, nothing tells the inputs from the machine's own files.
pub(crate) fn relative(path: &str, cwd: &Path) -> String {
    if cwd.parent().is_none() {
        return path.to_owned();
    }
    Path::new(path).strip_prefix(cwd).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_linker() {
        for (linker, expected) in
            [("cc", "cc"), ("/w/bin/cc", "bin/cc"), ("/w/cc", "./cc"), ("./cc", "./cc"), ("/usr/bin/cc", "/usr/bin/cc")]
        {
            assert_eq!(linker_program(linker, Path::new("/w")), expected);
        }
        for linker in ["cc", "/usr/bin/cc", "/cc", "external/bin/cc"] {
            assert_eq!(linker_program(linker, Path::new("/")), linker);
        }
    }
}
