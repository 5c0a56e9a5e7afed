//! A folder with sources of a test's own, and the four phases run in it.

use super::tools::{Toolchain, empty_folder, names_in, run, splitlink};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder with a library `dep` and a program `app` that uses it, and whatever a test adds.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder, in which every command runs.
    pub dir: PathBuf,
}

/// The arguments that `line` holds, separated by spaces.
pub fn words(line: &str) -> Vec<String> {
    line.split_ascii_whitespace().map(str::to_owned).collect()
}

impl Project {
    /// Makes the folder `name` in the workplace.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(name: &str) -> Result<Self> {
        let project = Self { dir: empty_folder(name)? };
        project.write("dep.rs", "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 40 }\npub fn plain() -> u64 { value(2u8) }\n")?;
        project.write("app.rs", "fn main() { println!(\"{}\", dep::plain() + dep::value(0u8)); }\n")?;
        let library = "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u64 { dep::plain() }\n";
        project.write("library.rs", library)?;
        Ok(project)
    }

    /// Makes the folder `name`, builds `dep` in it and makes the plan of `app`.
    ///
    /// # Errors
    /// If a phase fails.
    pub fn planned(name: &str) -> Result<Self> {
        let project = Self::new(name)?;
        project.build_dep()?;
        good(&project.no_link(&project.linked("app", "bin"))?)?;
        Ok(project)
    }

    /// Checks that none of `outputs` is there, nor any scratch folder.
    ///
    /// # Errors
    /// If something is.
    pub fn nothing_left(&self, outputs: &[&str]) -> Result<()> {
        for made in outputs {
            ensure!(!self.has(made), "`{made}` was left");
        }
        let left: Vec<_> = names_in(&self.dir.join("out")).into_iter().filter(|name| name.contains(".scratch")).collect();
        ensure!(left.is_empty(), "scratch folders were left: {left:?}");
        Ok(())
    }

    /// Writes a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(&path, contents).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        fs::read(self.dir.join(path)).with_context(|| format!("cannot read `{path}`"))
    }

    /// Whether there is anything at `path`.
    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.dir.join(path)).is_ok()
    }

    /// Runs rustc itself.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn rustc(&self, args: &[String]) -> Result<Output> {
        run(Toolchain::stable().command(&self.dir).args(args))
    }

    /// A command that runs splitlink with `args`, which end before `--`.
    pub fn splitlink(&self, args: &[String]) -> Command {
        let mut command = Command::new(splitlink());
        command.current_dir(&self.dir).args(args);
        command
    }

    /// Runs a compiling phase: splitlink's `options`, and rustc's arguments.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn compile(&self, options: &str, rustc: &[String]) -> Result<Output> {
        run(self.splitlink(&words(options)).arg("--").arg(&Toolchain::stable().rustc).args(rustc))
    }

    /// rustc's arguments for the library `name`, which may be followed by more.
    pub fn library(&self, name: &str) -> Vec<String> {
        let extern_dep = if name == "dep" { "" } else { "--extern=dep=absent/libdep-1.rlib -Ldependency=absent" };
        words(&format!(
            "--crate-name={name} {name}.rs --crate-type=rlib --edition=2024 --emit=metadata,link -Cmetadata=1 -Cextra-filename=-1 --out-dir=absent {extern_dep}"
        ))
    }

    /// rustc's arguments for a linked crate with the source `name.rs`, which uses `dep`.
    pub fn linked(&self, name: &str, crate_type: &str) -> Vec<String> {
        words(&format!(
            "--crate-name={name} {name}.rs --crate-type={crate_type} --edition=2024 --emit=link --out-dir=absent -Cmetadata=2 --extern=dep=absent/libdep-1.rlib -Ldependency=absent"
        ))
    }

    /// Runs metadata and codegen of `dep`: `out/libdep-1.rmeta`, `out/libdep-1.rlib`.
    ///
    /// # Errors
    /// If one fails.
    pub fn build_dep(&self) -> Result<()> {
        fs::create_dir_all(self.dir.join("out"))?;
        good(&self.compile("metadata --output out/libdep-1.rmeta", &self.library("dep"))?)?;
        good(&self.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &self.library("dep"))?)
    }

    /// Runs no-link of a linked crate: `out/plan.json`, `out/modules`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn no_link(&self, rustc: &[String]) -> Result<Output> {
        self.compile("no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", rustc)
    }

    /// Runs link-only of what [`Project::no_link`] made: `out/artifact`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn link_only(&self) -> Result<Output> {
        self.link_only_with("--rlib out/libdep-1.rlib --output out/artifact")
    }

    /// Runs link-only with other options than the usual ones.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn link_only_with(&self, options: &str) -> Result<Output> {
        let mut command = self.splitlink(&words(&format!("link-only --plan out/plan.json --modules out/modules {options}")));
        run(command.arg("--sysroot").arg(&Toolchain::stable().sysroot))
    }
}

/// Checks that a phase went well.
///
/// # Errors
/// With what it said, if not.
pub fn good(output: &Output) -> Result<()> {
    ensure!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Checks that a phase failed by itself (not by a panic) and said all of `texts`.
///
/// # Errors
/// With what it said, if not.
pub fn refused(output: &Output, texts: &[&str]) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "it ended with {} and not with 1:\n{said}", output.status);
    ensure!(said.starts_with("error: "), "it does not begin with `error:`\n{said}");
    for text in texts.iter().chain(&["help: "]) {
        ensure!(said.contains(text), "it does not say `{text}`:\n{said}");
    }
    Ok(())
}
