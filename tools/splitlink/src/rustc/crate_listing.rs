//! What rustc prints of a crate's metadata: which crates it depends on, and in which format a dylib
//! has them.

use crate::rustc::command;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// A crate that another one depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its identity ([`crate::files::crates::identity`]).
    pub id: String,
    /// For a dylib's metadata: whether the crate is linked at all, and then whether statically.
    pub is_static: Option<bool>,
}

/// Asks the rustc `program` (with rustup's choice of a toolchain, if there is one) for the
/// dependencies of the crate in `file`, in the order in which its metadata has them.
///
/// `-Zls=root` is unstable; asking with `RUSTC_BOOTSTRAP` is fit for a listing, of which nothing
/// goes into any crate.
///
/// # Errors
/// If rustc cannot be run, cannot read the file, or says what is not understood.
pub fn dependencies(program: &str, toolchain: Option<&str>, file: &Path) -> Result<Vec<Dependency>> {
    let output = Command::new(program)
        .args(toolchain)
        .args(["-Zls=root".as_ref(), file.as_os_str()])
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .with_context(|| command::cannot_start("rustc", program))?;
    if !output.status.success() {
        bail!(
            "rustc cannot list `{}`: {}\n  help: is `{program}` the rustc of the toolchain that it belongs to?",
            file.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// Reads a listing (`rustc_metadata::rmeta::decoder::list_crate_metadata`, 1.95), in which each
/// dependency is a line: `18 panic_unwind-4be5 hash … kind Conditional private linkage
/// Some(RequireStatic)`.
fn parse(listing: &str) -> Result<Vec<Dependency>> {
    let help = "help: this splitlink does not know this rustc; tell its developers the version";
    let lines = listing.lines().skip_while(|line| *line != "=External Dependencies=").skip(1).take_while(|line| !line.is_empty());
    let mut dependencies = Vec::new();
    for line in lines {
        let id = line.split(' ').nth(1).with_context(|| format!("it says `{line}`\n  {help}"))?;
        let is_static = match line.rsplit_once(" linkage ") {
            Some((_, "Some(RequireStatic)")) => Some(true),
            Some((_, "Some(RequireDynamic)")) => Some(false),
            Some((_, "None")) => None,
            _ => bail!("it says `{line}`\n  {help}"),
        };
        dependencies.push(Dependency { id: id.to_owned(), is_static });
    }
    if dependencies.is_empty() {
        bail!("it lists no dependencies\n  {help}");
    }
    Ok(dependencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings() {
        let head = "Crate info:\nname std-d1\n=External Dependencies=\n";
        let line = "1 core-12 hash 41 host_hash None kind Unconditional public linkage Some(RequireStatic)\n";
        let dynamic = "2 std-9 hash 41 host_hash None kind Unconditional public linkage Some(RequireDynamic)\n";
        let none = "3 x-1 hash 41 host_hash None kind Unconditional public linkage None\n";
        let dependency = |id: &str, is_static| Dependency { id: id.to_owned(), is_static };
        let expected = [dependency("core-12", Some(true)), dependency("std-9", Some(false)), dependency("x-1", None)];
        assert_eq!(parse(&format!("{head}{line}{dynamic}{none}\n\nelse\n")).unwrap(), expected);
        for unknown in [head.to_owned(), "nothing".into(), format!("{head}1 core-12 hash 41 style Static\n")] {
            assert!(parse(&unknown).unwrap_err().to_string().contains("does not know this rustc"), "{unknown}");
        }
    }
}
