//! A staticlib, for which rustc calls no linker.
//!
//! Its line is read from the archive that rustc makes of hollow rlibs.

use super::capture::Invocation;
use super::classify::Line;
use super::module_name::{allocator_shim_in, of_any_run};
use super::portable::{Folders, Portable};
use super::rustc_command::RustcCommand;
use crate::compile::split_debug_info;
use crate::files::archive::Archive;
use crate::files::bundled;
use crate::files::rlib;
use crate::files::scratch::{self, Scratch};
use crate::plan::linker_flavor::LinkerFlavor;
use crate::plan::{self, Item};
use crate::rustc::args::RustcArgs;
use crate::rustc::command;
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The archive that rustc has written into `out`, which it was told to call `name`, or named itself.
pub(crate) fn made_archive(out: &Path, name: Option<&str>) -> Result<PathBuf> {
    if let Some(archive) = name.map(|name| out.join(name)).filter(|archive| archive.is_file()) {
        return Ok(archive);
    }
    let entries = fs::read_dir(out).with_context(|| format!("cannot list `{}`", out.display()))?;
    let archive = entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| is_staticlib(path));
    archive.context("rustc wrote no archive for the staticlib\n  help: does the source ask for another crate type (`#![crate_type]`)?")
}

/// Whether `path` is named as a staticlib, and not as a DLL's import library.
fn is_staticlib(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".a") && !name.ends_with(".dll.a")
}

/// Puts empty archives where rustc looks for the native libraries that a staticlib takes in, which
/// need not be compiled yet; link-only takes in the real ones. Returns the items for them.
pub(crate) fn put_empty_native_libraries(args: &mut RustcArgs, scratch: &Scratch) -> Result<Vec<Item>> {
    let dir = scratch.subdir("native")?;
    let mut items = Vec::new();
    for value in args.values("link-lib") {
        let Some((kind, name)) = value.split_once('=') else { continue };
        let (kind, modifiers) = kind.split_once(':').unwrap_or((kind, ""));
        // `NAME:RENAME`: the file is called by the second (`parse_native_lib`, 1.95).
        let name = name.split_once(':').map_or(name, |(_, renamed)| renamed);
        if kind != "static" || modifiers.split(',').any(|m| m == "-bundle") {
            continue;
        }
        let verbatim = modifiers.split(',').any(|m| m == "+verbatim");
        let file = if verbatim { name.to_owned() } else { format!("lib{name}.a") };
        // One that is named by its way from elsewhere has to be there; rustc looks for it by
        // itself.
        if !plan::is_inside(&file) {
            continue;
        }
        let file = dir.join(file);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(|| scratch::cannot_write(&file))?;
        }
        fs::write(&file, b"!<arch>\n").with_context(|| scratch::cannot_write(&file))?;
        let item = Item::ArchivedLibrary { name: name.to_owned(), verbatim };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    args.push_front("library-path", format!("native={}", dir.display()));
    Ok(items)
}

/// The folder of the target's standard library, as rustc says.
fn target_libdir(program: &str, args: &RustcArgs) -> Result<PathBuf> {
    let mut command = Command::new(program);
    command.args(args.toolchain());
    for option in ["sysroot", "target"] {
        command.args(args.values(option).map(|value| format!("--{option}={value}")));
    }
    let output = command.args(["--print", "target-libdir"]).output().with_context(|| command::cannot_start("rustc", program))?;
    let dir = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if dir.is_empty() {
        bail!("rustc does not say where its standard library is: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(dir.into())
}

/// The line of the staticlib that rustc has made as `archive` of hollow rlibs, whose markers show
/// where each crate's objects belong.
///
/// # Errors
/// If the archive cannot be read, or rustc does not say where its standard library is.
pub(crate) fn line(archive: &Path, rustc: &RustcCommand, scratch: &Scratch, cwd: &Path) -> Result<Line> {
    let RustcCommand { program, args, folder, archived, .. } = rustc;
    let libdir = target_libdir(program, args)?;
    let of_libdir = libdir.to_str().and_then(|dir| dir.rsplit_once("/lib/rustlib/"));
    let folders = Folders::new(cwd, of_libdir.map(|(sysroot, _)| sysroot), &[], &Invocation::default(), &(0..0));
    let mut line = Line::default();
    for dir in args.library_dirs().map(|(_, dir)| dir).filter(|dir| !Path::new(dir).starts_with(scratch.path())) {
        line.items.push(Item::SearchPath { dir: Portable::new(&folders, LinkerFlavor::Driver).arg(dir) });
    }
    let path = archive;
    let archive = Archive::read(path)?;
    let of_sysroot = sysroot_members(&libdir, &folders)?;
    let own = scratch.subdir("members")?;
    let mut own_is_over = false;
    let is_incremental = args.codegen("incremental").is_some();
    let shim = allocator_shim_in(&archive, is_incremental);
    for (number, member) in archive.members.iter().enumerate() {
        let item = if let Some(item) = folder.markers.get(&member.name) {
            item.clone()
        } else if bundled::is_placeholder(archive.contents(member)) || member.name.ends_with(split_debug_info::EXTENSION) {
            // Split debug information has a folder of its own.
            continue;
        } else if let Some((target, file_name)) = of_sysroot.get(&member.name)
            // Objects that are made for `raw-dylib` are named after the DLL in every crate; none is the
            // first of a crate.
            && (own_is_over || rlib::is_of_rust(&member.name))
        {
            Item::SysrootCrate { target: target.clone(), file_name: file_name.clone() }
        } else {
            if !plan::is_inside(&member.name) {
                bail!(
                    "rustc's archive `{}` has a member `{}`, which is no name for a file of its own\n  \
                     help: it is of a native library; make that anew from objects with plain names",
                    path.display(),
                    member.name
                );
            }
            let file = own.join(number.to_string());
            fs::write(&file, archive.contents(member)).with_context(|| scratch::cannot_write(&file))?;
            // A folder each: names may come twice, and they are the members' names again in the
            // artifact.
            let name = if is_incremental { of_any_run(&member.name) } else { member.name.clone() };
            let file = line.add(format!("staticlib/{number}/{name}"), file);
            if shim == Some(number) {
                Item::AllocatorShim { file }
            } else {
                // The crate's own, or of a native library that rustc found by itself, in a build
                // script's output folder, say.
                Item::Module { file }
            }
        };
        if !own_is_over && matches!(item, Item::Crate { .. } | Item::SysrootCrate { .. }) {
            own_is_over = true;
            line.items.extend_from_slice(archived);
        }
        if line.items.last() != Some(&item) {
            line.items.push(item);
        }
    }
    if !own_is_over {
        line.items.extend_from_slice(archived);
    }
    Ok(line)
}

/// Which of the sysroot's rlibs each of their members is from: member → target, rlib.
fn sysroot_members(libdir: &Path, folders: &Folders) -> Result<HashMap<String, (String, String)>> {
    let mut members = HashMap::new();
    // A target without one has all its crates from the build.
    if !libdir.exists() {
        return Ok(members);
    }
    for entry in fs::read_dir(libdir).with_context(|| format!("cannot list the standard library `{}`", libdir.display()))? {
        let path = entry?.path();
        let Some((target, file_name)) = folders.sysroot_rlib(&path.to_string_lossy()) else { continue };
        for member in Archive::read(&path)?.members {
            members.insert(member.name, (target.clone(), file_name.clone()));
        }
    }
    Ok(members)
}
