//! The manifest of the standard library's dylib, made from what rustc says of the sysroot.

use crate::command;
use crate::crates;
use crate::dylib_manifest::{DylibManifest, VERSION};
use crate::scratch::{self, Scratch};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Asks the rustc `program` what `libstd-*.so` in the library folder `libdir` contains, and writes its manifest to `output`.
/// Where the sysroot has no such dylib (musl, say), the manifest names no crate.
///
/// # Errors
/// If rustc cannot be run or says what is not understood.
pub fn run(output: &Path, program: &str, libdir: &Path) -> Result<()> {
    let manifest = match std_dylib(libdir)? {
        None => DylibManifest { version: VERSION, ..DylibManifest::default() },
        Some(dylib) => {
            // From 1.9x on a dylib of the sysroot has only a stub of its metadata inside; the rest is beside it.
            let beside = dylib.with_extension("rmeta");
            let says = list(program, if beside.exists() { &beside } else { &dylib })?;
            let contains = statically_linked(&says)
                .with_context(|| format!("cannot tell what `{}` contains from what rustc prints of it", dylib.display()))?;
            let file_name = dylib.file_name().unwrap_or_default().to_string_lossy().into_owned();
            DylibManifest { version: VERSION, id: crates::identity(&dylib)?, file_name, contains, ..DylibManifest::default() }
        }
    };
    let scratch = Scratch::beside(output)?;
    scratch::publish_bytes(&scratch, manifest.to_text().as_bytes(), output)
}

fn std_dylib(libdir: &Path) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(libdir)
        .with_context(|| format!("cannot list `{}`\n  help: it should be the folder of the target's standard library", libdir.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.starts_with("libstd-") && n.ends_with(".so")))
        .collect();
    found.sort();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        [one, other, ..] => bail!(
            "there are two standard libraries: `{}` and `{}`\n  help: give the folder of one target of one toolchain",
            one.display(),
            other.display()
        ),
    }
}

/// `-Zls=root` is unstable; asking with `RUSTC_BOOTSTRAP` is fit for a listing, of which nothing goes into any crate.
fn list(program: &str, file: &Path) -> Result<String> {
    let output = Command::new(program)
        .args(["-Zls=root".as_ref(), file.as_os_str()])
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .with_context(|| command::cannot_start("rustc", program))?;
    if !output.status.success() {
        bail!(
            "rustc cannot list `{}`: {}\n  help: is `{program}` the rustc of the toolchain that the standard library belongs to?",
            file.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The crates that the listing of a dylib says are linked into it (`rustc_metadata::rmeta::decoder::list_crate_metadata`, 1.95):
/// `18 panic_unwind-4be5 hash … kind Conditional private linkage Some(RequireStatic)`.
fn statically_linked(listing: &str) -> Result<Vec<String>> {
    let help = "help: this splitlink does not know this rustc; tell its developers the version";
    let mut lines = listing.lines().skip_while(|line| *line != "=External Dependencies=").skip(1).take_while(|line| !line.is_empty());
    let mut contains = Vec::new();
    let mut any = false;
    for line in &mut lines {
        any = true;
        let id = line.split(' ').nth(1).with_context(|| format!("it says `{line}`\n  {help}"))?;
        match line.rsplit_once(" linkage ") {
            Some((_, "Some(RequireStatic)")) => contains.push(id.to_owned()),
            Some((_, "None")) => {}
            _ => bail!("it says `{line}`\n  {help}"),
        }
    }
    if !any {
        bail!("it lists no dependencies\n  {help}");
    }
    contains.sort();
    Ok(contains)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings() {
        let head = "Crate info:\nname std-d1\n=External Dependencies=\n";
        let line = "1 core-12 hash 41 host_hash None kind Unconditional public linkage Some(RequireStatic)\n";
        let none = "2 x-1 hash 41 host_hash None kind Unconditional public linkage None\n";
        assert_eq!(statically_linked(&format!("{head}{line}{none}\n\nelse\n")).unwrap(), ["core-12"]);
        for unknown in [head.to_owned(), "nothing".into(), format!("{head}1 core-12 hash 41 style Static\n")] {
            assert!(statically_linked(&unknown).unwrap_err().to_string().contains("does not know this rustc"), "{unknown}");
        }
    }
}
