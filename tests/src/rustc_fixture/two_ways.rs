//! Crates for another target than this machine's, each built by rustc and through splitlink with the
//! same arguments, and the files compared.

use super::project::words;
use super::tools::{Toolchain, empty_folder, names_in, skip, splitlink, succeed};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The folder with what rustc made.
const REFERENCE: &str = "reference";

/// The folder with what splitlink made.
const SPLIT: &str = "split";

/// A folder of sources, and how they are compiled.
#[derive(Debug)]
pub struct TwoWays<'a> {
    toolchain: &'a Toolchain,
    /// Where the sources are, and the folders of both ways.
    pub dir: PathBuf,
    /// Flags of rustc's on both ways.
    flags: String,
    /// Flags and variables with which rustc alone does what splitlink does by itself.
    reference: (String, Vec<(&'static str, &'static str)>),
}

impl<'a> TwoWays<'a> {
    /// A folder called `name` for `target`; none, said aloud, if the toolchain has no standard
    /// library for it.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn new(toolchain: &'a Toolchain, name: &str, target: &str, flags: &str) -> Result<Option<Self>> {
        if names_in(&toolchain.sysroot.join("lib/rustlib").join(target).join("lib")).is_empty() {
            skip(&format!("{} has no standard library for {target}; `dev/test`, or `dev/test targets`, installs one", toolchain.name));
            return Ok(None);
        }
        let dir = empty_folder(name)?;
        for folder in [REFERENCE, SPLIT] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let flags = format!("--target={target} -Copt-level=2 {flags}");
        Ok(Some(Self { toolchain, dir, flags, reference: (String::new(), Vec::new()) }))
    }

    /// Gives rustc alone these flags and variables.
    #[must_use]
    pub fn with_reference(mut self, flags: &str, variables: &[(&'static str, &'static str)]) -> Self {
        self.reference = (flags.to_owned(), variables.to_owned());
        self
    }

    /// Writes the files `sources`: name, text.
    ///
    /// # Errors
    /// If that is impossible.
    pub fn write(&self, sources: &[(&str, &str)]) -> Result<()> {
        sources.iter().try_for_each(|(name, text)| Ok(fs::write(self.dir.join(name), text)?))
    }

    /// Runs `command`, words of a command line, in the folder.
    ///
    /// # Errors
    /// If it fails.
    pub fn run(&self, command: &str) -> Result<String> {
        let mut parts = words(command).into_iter();
        let program = parts.next().context("no program")?;
        let output = succeed(Command::new(program).args(parts).current_dir(&self.dir))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Plain rustc with these arguments.
    pub fn rustc_command(&self, args: &str) -> Command {
        let (flags, variables) = &self.reference;
        let mut command = self.toolchain.command(&self.dir);
        command.args(words(&format!("{args} {} {flags}", self.flags))).envs(variables.iter().copied());
        command
    }

    /// Runs plain rustc.
    ///
    /// # Errors
    /// If it fails.
    pub fn rustc(&self, args: &str) -> Result<()> {
        succeed(&mut self.rustc_command(args)).map(drop)
    }

    /// A subcommand of splitlink's with its `options` and rustc's arguments.
    pub fn phase(&self, options: &str, rustc: &str) -> Command {
        let mut command = Command::new(splitlink());
        command.args(words(options)).current_dir(&self.dir).arg("--").arg(&self.toolchain.rustc);
        command.args(words(&format!("{rustc} {}", self.flags)));
        command
    }

    /// `splitlink link-only` with these options and the sysroot.
    pub fn link_only(&self, options: &str) -> Command {
        let mut command = Command::new(splitlink());
        command.args(words(&format!("link-only {options}"))).current_dir(&self.dir).arg("--sysroot").arg(&self.toolchain.sysroot);
        command
    }

    /// Builds the library `name` of `name.rs` on both ways, with these flags more, and compares the
    /// rlibs byte for byte.
    ///
    /// # Errors
    /// If a command fails or they differ.
    pub fn library(&self, name: &str, flags: &str) -> Result<()> {
        let args = format!("{name}.rs --crate-name={name} --crate-type=rlib -Cmetadata=1 {flags}");
        succeed(&mut self.phase(&format!("metadata --output split/lib{name}.rmeta"), &args))?;
        let published = format!("--published-metadata split/lib{name}.rmeta");
        succeed(&mut self.phase(&format!("codegen --output split/lib{name}.rlib {published}"), &args))?;
        let kinds = "--emit=metadata,link -Cembed-bitcode=no --error-format=json --json=artifacts";
        self.rustc(&format!("{args} {kinds} --out-dir=reference"))?;
        self.same(&format!("lib{name}.rlib"))
    }

    /// rustc's options for all libraries.
    pub fn externs(&self) -> String {
        let files = names_in(&self.dir.join(REFERENCE));
        let libraries = files.iter().filter_map(|file| file.strip_prefix("lib")?.strip_suffix(".rlib"));
        libraries.map(|name| format!("--extern={name}=reference/lib{name}.rlib ")).collect()
    }

    /// Links `source.rs`, which may use the libraries, as `crate_type` on both ways to a file called
    /// `name`.
    ///
    /// # Errors
    /// If a command fails.
    pub fn link(&self, source: &str, crate_type: &str, name: &str) -> Result<()> {
        let args = format!("{source}.rs --crate-type={crate_type} -Cmetadata=2 {} -o reference/{name}", self.externs());
        self.rustc(&args)?;
        let plan = format!("--plan split/{name}.json --modules split/{name}.modules");
        succeed(&mut self.phase(&format!("no-link {plan} --metadata-dir split"), &args))?;
        succeed(&mut self.link_only(&format!("{plan} --rlib-dir split --output split/{name}"))).map(drop)
    }

    /// Links likewise, and compares what was made byte for byte.
    ///
    /// # Errors
    /// If a command fails or they differ.
    pub fn link_the_same(&self, source: &str, crate_type: &str, name: &str) -> Result<()> {
        self.link(source, crate_type, name).and_then(|()| self.same(name)).with_context(|| format!("the {crate_type} `{name}`"))
    }

    /// What both ways made as `name`.
    ///
    /// # Errors
    /// If one made nothing.
    pub fn both(&self, name: &str) -> Result<[Vec<u8>; 2]> {
        let read = |folder: &str| fs::read(self.dir.join(folder).join(name)).with_context(|| format!("no `{name}` in {folder}"));
        Ok([read(REFERENCE)?, read(SPLIT)?])
    }

    /// Compares it byte for byte.
    ///
    /// # Errors
    /// If it differs.
    pub fn same(&self, name: &str) -> Result<()> {
        let [reference, split] = self.both(name)?;
        ensure!(reference == split, "rustc's `{name}` and splitlink's differ");
        Ok(())
    }
}
