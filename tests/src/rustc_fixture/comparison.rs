//! What two builds of one crate must have in common.

use anyhow::{Result, bail};
use object::{Object, ObjectSection};
use std::fs;
use std::path::Path;

/// The bytes of code in an artifact, or in all objects of an archive.
pub(super) fn code_bytes(path: &Path) -> Result<u64> {
    let bytes = fs::read(path)?;
    let of = |bytes: &[u8]| -> Result<u64> {
        let object = object::File::parse(bytes)?;
        Ok(object.sections().filter(|section| section.kind() == object::SectionKind::Text).map(|section| section.size()).sum())
    };
    if !bytes.starts_with(b"!<arch>") {
        return of(&bytes);
    }
    let archive = object::read::archive::ArchiveFile::parse(&*bytes)?;
    archive.members().map(|member| of(member?.data(&*bytes)?)).sum()
}

/// What of `facts` does not follow from how code was optimised.
pub(super) fn visible(facts: &[String]) -> Vec<String> {
    // A symbol of an archive is told by its name alone; where it is says which crate it came from.
    let mut visible: Vec<String> = facts
        .iter()
        .filter_map(|fact| match fact.split(' ').collect::<Vec<_>>()[..] {
            ["symbol", name, ..] => (!is_compilers_own(name)).then(|| format!("symbol {name}")),
            ["member" | "section" | "imports", ..] => None,
            // Needed where thread-local data is found through the loader, which follows from the
            // modules that were merged.
            ["needed", name] if name.starts_with("ld-linux") => None,
            // Only in the allocator shim are these hidden, and it is no module of its own any more.
            // The last one is of 1.85.
            ["exports", name, ..] if name.contains("___rdl_") || name.starts_with("__rdl_") || name == "__rg_oom" => None,
            _ => Some(fact.clone()),
        })
        .collect();
    visible.sort();
    visible.dedup();
    visible
}

/// Whether a symbol of a staticlib is no promise to anybody: Rust's own, and what LLVM promotes for
/// thin LTO.
fn is_compilers_own(name: &str) -> bool {
    // The last three are the allocator's, until 1.88 or so.
    ["_ZN", "_R", "anon.", "DW.ref.", "__rust_", "__rdl_", "__rg_"].iter().any(|start| name.starts_with(start))
        || matches!(name, "rust_eh_personality" | "rust_panic" | "rust_begin_unwind")
        || name.contains(".llvm.")
}

/// Compares line by line and names the first difference.
///
/// # Errors
/// If there is one.
pub fn same(what: &str, reference: &[String], split: &[String]) -> Result<()> {
    let differing = reference.iter().zip(split).position(|(r, s)| r != s);
    let at = match differing {
        Some(at) => at,
        None if reference.len() == split.len() => return Ok(()),
        None => reference.len().min(split.len()),
    };
    let end = String::from("(nothing)");
    bail!(
        "{what} differ first in line {at}:\n  rustc:     {}\n  splitlink: {}",
        reference.get(at).unwrap_or(&end),
        split.get(at).unwrap_or(&end)
    )
}
