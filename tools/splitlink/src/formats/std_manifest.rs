//! The manifest of the standard library's dylib, made from what rustc says of the sysroot.

use crate::files::crates;
use crate::files::paths::{self, Places};
use crate::files::scratch::{self, Scratch};
use crate::formats::dylib_manifest::{DylibManifest, VERSION};
use crate::rustc::crate_listing;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Asks the rustc `program` what `libstd-*.so` in the library folder `libdir` contains, and writes
/// its manifest to `output`.
///
/// # Errors
/// If there is no such dylib (as with musl, or Debian's rustc), or rustc cannot be run or says what
/// is not understood.
pub fn run(output: &Path, program: &str, libdir: &Path) -> Result<()> {
    let dylib = std_dylib(libdir)?;
    // From 1.9x on a dylib of the sysroot has only a stub of its metadata inside; the rest is
    // beside it.
    let beside = dylib.with_extension("rmeta");
    let mut places = Places::default();
    places.output("the manifest", output);
    places.inputs("the standard library", [&dylib, &beside]);
    places.check()?;
    let listed = paths::as_argument(if beside.exists() { &beside } else { &dylib });
    let dependencies = crate_listing::dependencies(program, None, Path::new(&listed))
        .with_context(|| format!("cannot tell what `{}` contains from what rustc prints of it", dylib.display()))?;
    let mut contains: Vec<String> = dependencies.into_iter().filter(|d| d.is_static == Some(true)).map(|d| d.id).collect();
    contains.sort();
    let file_name = dylib.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let manifest = DylibManifest { version: VERSION, id: crates::identity(&dylib)?, file_name, contains, ..DylibManifest::default() };
    let scratch = Scratch::beside(output)?;
    scratch::publish_bytes(&scratch, manifest.to_text().as_bytes(), output)
}

fn std_dylib(libdir: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(libdir)
        .with_context(|| format!("cannot list `{}`\n  help: it should be the folder of the target's standard library", libdir.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.starts_with("libstd-") && n.ends_with(".so")))
        .collect();
    found.sort();
    match found.as_slice() {
        [] => bail!(
            "there is no `libstd-*.so` in `{}`, so nothing can be linked against it\n  \
             help: toolchains for musl and Debian's rustc have none; link without `--std-manifest`, which links the standard library statically",
            libdir.display()
        ),
        [one] => Ok(one.clone()),
        [one, other, ..] => bail!(
            "there are two standard libraries: `{}` and `{}`\n  help: give the folder of one target of one toolchain",
            one.display(),
            other.display()
        ),
    }
}
