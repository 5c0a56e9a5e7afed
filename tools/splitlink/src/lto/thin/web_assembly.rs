//! Thin LTO for WebAssembly, whose lld compiles all modules at once and links them then. What it
//! compiled is taken, and what it linked is not.

use crate::files::wasm;
use crate::lto::bitcode;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// How the names of the objects begin: that of what has no summary, followed by a number for others.
const OBJECT: &str = "linked.lto.o";

/// What lld is told besides: to keep the objects, and to link whatever is missing.
pub(super) const ARGUMENTS: [&str; 4] = ["--lto-obj-path=linked.lto.o", "--no-entry", "--allow-undefined", "--no-check-features"];

/// The module `name` with the bitcode `bytes` as it takes part. Who imports a function from another
/// module would get its custom sections as well, once more for each, so nobody imports from those
/// that have such (rustc takes them off what it imports from: `LLVMRustPrepareThinLTOImport`, 1.95).
pub(super) fn prepared(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>> {
    if !bitcode::has_custom_sections(&bytes) {
        return Ok(bytes);
    }
    bitcode::without_summary(bytes).with_context(|| format!("cannot use the bitcode of `{name}`, which has custom sections"))
}

/// The objects in `dir`, in lld's order.
pub(super) fn objects(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list `{}`", dir.display()))? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix(OBJECT));
        let Some(number) = number.and_then(|number| if number.is_empty() { Some(0) } else { number.parse::<usize>().ok() }) else {
            continue;
        };
        let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        // One of nothing would still say which features a processor needs.
        if !bytes.is_empty() && wasm::has_contents(&bytes).with_context(|| format!("cannot use `{}`", path.display()))? {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
