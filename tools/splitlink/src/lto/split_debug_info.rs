//! Debug information of what LTO makes, in files of its own.
//!
//! rust-lld has LLVM write a `.dwo` file beside each object, wherever the bitcode's own debug
//! information would have gone. LLVM's C interface cannot, so the engine of fat LTO leaves the code
//! of its parts to rust-lld, too.

use super::request::Options;
use super::thin;
use crate::files::scratch;
use crate::rustc::command::{self, ChildFailed};
use anyhow::{Context, Result};
use object::{Object, ObjectSection};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The folder of the files. Skeletons have it before the file's name.
pub(crate) const FOLDER: &str = "lto.dwo";

/// The argument that has rust-lld write into a `folder`, a file for each object.
pub(super) fn argument(folder: &str) -> String {
    format!("--plugin-opt=dwo_dir={folder}")
}

/// Generates the code of the bitcode `parts`, which are in `dir` and optimised to the end, by
/// rust-lld, the program `linker`: an object beside each.
///
/// # Errors
/// rust-lld's own; that it cannot be started.
pub(super) fn generate(linker: &Path, parts: &[String], options: &Options, dir: &Path) -> Result<Vec<PathBuf>> {
    // As for thin LTO, it works in `dir`: what it is told is written into the objects.
    let linker = std::path::absolute(linker).with_context(|| format!("cannot find `{}`", linker.display()))?;
    let llvm_args = thin::llvm_arguments(&options.llvm_args)?;
    let call = |number: usize| -> std::io::Result<Output> {
        let part = &parts[number];
        let mut command = Command::new(&linker);
        // Nothing is linked with it, so that all of its symbols stay. Nor is it optimised again.
        command.current_dir(dir).args(["-flavor", "gnu", "-r", "--lto-O0"]).arg(format!("--lto-CGO{}", thin::level(options)));
        command.arg(argument(&format!("{FOLDER}/{number}"))).arg(format!("--lto-obj-path={part}.o"));
        // Else rust-lld's LLVM adds an index of names in DWARF 5, larger than what is split off.
        command.args(["-mllvm", "-accel-tables=Disable"]);
        command.args(&llvm_args).arg(format!("{part}.bc")).args(["-o", &format!("{part}.linked")]).output()
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= parts.len() {
                return done;
            }
            done.push(call(number));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(parts.len());
    let outputs: Vec<std::io::Result<Output>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no call panics")).collect()
    });
    for output in outputs {
        let output =
            output.with_context(|| command::cannot_start("the linker that generates code after fat LTO", &linker.to_string_lossy()))?;
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            eprintln!("error: generating code after fat LTO failed ({}); the message of `{}` is above", output.status, linker.display());
            return Err(ChildFailed::from_status(output.status).into());
        }
    }
    Ok(parts.iter().map(|part| dir.join(format!("{part}.o"))).collect())
}

/// The versions of DWARF of the `.dwo` files in `dir`, the newest last.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn dwarf_versions(dir: &Path) -> Result<Vec<u16>> {
    let mut versions = BTreeSet::new();
    for (_, file) in made(dir)? {
        let bytes = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        versions.extend(dwarf_version(&bytes).with_context(|| format!("`{}` of rust-lld is broken", file.display()))?);
    }
    Ok(versions.into_iter().collect())
}

/// The version of DWARF of a `.dwo` file; none if it has no unit, as that of a module without code.
///
/// # Errors
/// If it is broken.
pub(crate) fn dwarf_version(dwo: &[u8]) -> Result<Option<u16>> {
    let object = object::File::parse(dwo)?;
    let Some(section) = object.section_by_name(".debug_info.dwo") else { return Ok(None) };
    let units = section.uncompressed_data()?;
    // Behind the unit's length, of which DWARF has two forms.
    let at = if units.starts_with(&[0xff; 4]) { 12 } else { 4 };
    let Some(&[one, two]) = units.get(at..at + 2) else { return Ok(None) };
    Ok(Some(if object.is_little_endian() { u16::from_le_bytes([one, two]) } else { u16::from_be_bytes([one, two]) }))
}

/// The `.dwo` files that were made in `dir`, in order: what tells each from the others, and where it is.
///
/// # Errors
/// If the folder cannot be listed.
pub(crate) fn made(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut open = vec![dir.join(FOLDER)];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).with_context(|| scratch::cannot_write(&folder))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "dwo") {
                // Of fat LTO each is in a folder of its own.
                let within = path.strip_prefix(dir.join(FOLDER)).unwrap_or(&path);
                let number = within.iter().next().map(Path::new).unwrap_or(within).with_extension("");
                files.push((number.to_string_lossy().into_owned(), path));
            }
        }
    }
    files.sort();
    Ok(files)
}
