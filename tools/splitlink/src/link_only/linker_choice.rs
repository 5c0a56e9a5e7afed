//! Another linker than the one that rustc asks for: `link-only --linker`.
//!
//! rustc names its linker to the compiler driver (`-fuse-ld=lld`, and with `-B` the folder where its
//! own lld is), and a C++ toolchain may name another (`-fuse-ld=gold`), which the build system puts
//! among the crate's own flags. Both are exchanged: the choice is made last. The driver is led to the
//! program by a folder in which it is called `ld`: not every driver knows every linker's name.

use super::linking::Linking;
use crate::files::scratch;
use crate::plan::linker_flavor::LinkerFlavor;
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The linker to link with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LinkerChoice {
    /// What rustc asks for
    Default,
    /// The `rust-lld` of the toolchain
    Lld,
    /// mold, from the search path for programs
    Mold,
    /// wild, from the search path for programs
    Wild,
}

/// How a driver is told the name of a linker.
const NAME: &str = "-fuse-ld=";

/// The folder of the toolchain in which lld has the name that drivers look for.
const LLD_FOLDER: &str = "gcc-ld";

impl Linking<'_> {
    /// `args` for the linker that was chosen, in place of the one that rustc asks for.
    pub(super) fn for_chosen_linker(&self, args: Vec<String>) -> Result<Vec<String>> {
        if let (LinkerChoice::Default | LinkerChoice::Lld, Some(program)) = (self.options.linker, &self.options.linker_program) {
            bail!(
                "`{}` is given as the linker's program, and `--linker` names no linker that it could be\n  help: say which it is, `--linker mold` or `--linker wild`",
                program.display()
            );
        }
        if self.options.linker != LinkerChoice::Default && self.link.is_for_macos() && self.link.linker_flavor() == LinkerFlavor::Driver {
            bail!(
                "the {} `{}` is linked for macOS, for which `--linker` knows no linker\n  help: leave out `--linker`",
                self.link.crate_type,
                self.plan.crate_name
            );
        }
        let program = match self.options.linker {
            LinkerChoice::Default => return Ok(args),
            LinkerChoice::Lld => None,
            LinkerChoice::Mold => Some(self.program("mold")?),
            LinkerChoice::Wild => Some(self.program("wild")?),
        };
        if self.link.linker_flavor() != LinkerFlavor::Driver {
            let own = self.link.linker.as_deref().unwrap_or_default();
            eprintln!(
                "note: the {} `{}` is linked by its own linker `{own}`, and not by the one of `--linker`: it is no compiler driver, which could call another",
                self.link.crate_type, self.plan.crate_name
            );
            return Ok(args);
        }
        // In front: drivers look into these folders in order, and a C++ toolchain may name its own.
        let chosen = match program {
            None => vec![format!("{NAME}lld"), format!("-B{}", self.lld_folder()?.display())],
            Some(program) => vec![format!("-B{}", self.folder_with(&program)?.display())],
        };
        Ok([chosen, without_linker(args)].concat())
    }

    /// The program that was given for the linker, or the one called `name`.
    fn program(&self, name: &str) -> Result<PathBuf> {
        let (path, found) = match &self.options.linker_program {
            Some(path) => (path.clone(), path.is_file()),
            None => {
                let path = std::env::split_paths(&self.search_path()?).map(|dir| dir.join(name)).find(|path| path.is_file());
                (path.clone().unwrap_or_else(|| PathBuf::from(name)), path.is_some())
            }
        };
        if !found {
            bail!(
                "there is no linker `{}` to link the {} `{}` with\n  help: install it, name its program with `--linker-program`, or leave out `--linker`",
                path.display(),
                self.link.crate_type,
                self.plan.crate_name
            );
        }
        std::path::absolute(&path).with_context(|| format!("cannot find `{}`", path.display()))
    }

    /// A folder in which `program` is called `ld`.
    fn folder_with(&self, program: &Path) -> Result<PathBuf> {
        let folder = self.scratch.subdir("linker")?;
        let link = folder.join("ld");
        let _ = fs::remove_file(&link);
        symlink(program, &link).with_context(|| scratch::cannot_write(&link))?;
        Ok(folder)
    }

    fn lld_folder(&self) -> Result<PathBuf> {
        let found = self.own_programs().into_iter().map(|dir| dir.join(LLD_FOLDER)).find(|dir| dir.join("ld.lld").is_file());
        found.with_context(|| {
            format!(
                "there is no `rust-lld` in the toolchain to link the {} `{}` with\n  \
                 help: give the folder of the toolchain as `--sysroot`; toolchains of distributions have no lld: install mold and use `--linker mold`, or leave out `--linker`",
                self.link.crate_type, self.plan.crate_name
            )
        })
    }
}

/// `args` without what names a linker.
fn without_linker(args: Vec<String>) -> Vec<String> {
    let chooses = |arg: &String| {
        arg.starts_with(NAME)
            || arg.starts_with("--ld-path=")
            || arg.strip_prefix("-B").is_some_and(|dir| Path::new(dir).ends_with(LLD_FOLDER))
    };
    args.into_iter().filter(|arg| !chooses(arg)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rustc_chooses_is_left_out() {
        let args = [
            "-m64",
            "-fuse-ld=lld",
            "-B/sysroot/lib/rustlib/x/bin/gcc-ld",
            "-Bother",
            "-fuse-ld=gold",
            "--ld-path=/usr/bin/ld.gold",
            "-Wl,-Bstatic",
            "-o",
            "a",
        ];
        let left = without_linker(args.map(str::to_owned).to_vec());
        assert_eq!(left, ["-m64", "-Bother", "-Wl,-Bstatic", "-o", "a"]);
    }
}
