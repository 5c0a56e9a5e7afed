//! `splitlink strip`: debug information out of a linked artifact, into a file of its own, or packed
//! more tightly. An objcopy does it, GNU's or LLVM's; here is what it is told, and that all is
//! written or nothing.

use crate::files::archive;
use crate::files::paths::{Places, as_argument};
use crate::files::scratch::{Finished, Scratch};
use crate::rustc::command;
use anyhow::{Context, Result, bail};
use object::elf::ELFMAG;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program ends with when the loader does not find its libraries.
const OF_LOADER: i32 = 127;

/// What goes out of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Remove {
    /// Debug information
    Debug,
    /// Debug information, and all symbols that the loader does not need
    All,
    /// Nothing
    Nothing,
}

/// How debug sections are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Compression {
    /// With zlib
    Zlib,
    /// With zstd, which debuggers since 2022 know
    Zstd,
}

/// What is made of an artifact.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The program or shared library, as `link-only` wrote it
    #[arg(long, value_name = "FILE")]
    artifact: PathBuf,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// What goes out of it
    #[arg(long, value_enum, default_value = "debug")]
    remove: Remove,
    /// Where to write the debug information that goes out. What is left names this file, which
    /// debuggers look for beside it. [default: nowhere]
    #[arg(long, value_name = "FILE")]
    debug_file: Option<PathBuf>,
    /// Compress the debug information, that in `--debug-file` or, with `--remove nothing`, in the
    /// artifact. [default: as it is]
    #[arg(long, value_enum)]
    compress: Option<Compression>,
    /// The objcopy that does it: GNU's, LLVM's, or the `rust-objcopy` of a toolchain
    #[arg(long, value_name = "PROGRAM", default_value = "objcopy")]
    objcopy: String,
}

impl Options {
    /// Options that ask for nothing, or for more than there is.
    fn refuse_contradictions(&self) -> Result<()> {
        let keeps_all = self.remove == Remove::Nothing;
        if keeps_all && self.debug_file.is_some() {
            bail!("`--debug-file` is for what goes out, and `--remove nothing` leaves it inside\n  help: leave out one of the two");
        }
        if keeps_all && self.compress.is_none() {
            bail!("`--remove nothing` without `--compress` leaves the artifact as it is\n  help: say what is to be done");
        }
        if !keeps_all && self.debug_file.is_none() && self.compress.is_some() {
            bail!(
                "`--compress` is for debug information, of which nothing is left\n  \
                 help: keep it with `--debug-file` or `--remove nothing`, or leave out `--compress`"
            );
        }
        Ok(())
    }

    fn compression(&self) -> Option<&'static str> {
        self.compress.map(|compression| match compression {
            Compression::Zlib => "--compress-debug-sections=zlib",
            Compression::Zstd => "--compress-debug-sections=zstd",
        })
    }

    /// Runs objcopy with `flags` from the artifact to `to`.
    fn objcopy(&self, flags: &[String], to: &Path) -> Result<()> {
        let mut command = Command::new(&self.objcopy);
        command.args(flags).arg(as_argument(&self.artifact)).arg(to);
        let output = command.output().with_context(|| command::cannot_start("objcopy", &self.objcopy))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(OF_LOADER) {
            bail!(
                "`{}` does not start: {}\n  \
                 help: does it find its libraries? rustup's `rust-objcopy` needs the folder `lib` of its toolchain on `LD_LIBRARY_PATH`; \
                 `--objcopy` names another",
                self.objcopy,
                said.trim()
            );
        }
        if !output.status.success() {
            bail!(
                "`{}` cannot make `{}`: {}\n  help: does it know {}? GNU's does so from binutils 2.40 on; `--objcopy` names another",
                self.objcopy,
                archive::file_name(to),
                said.trim(),
                flags.iter().map(|flag| format!("`{flag}`")).collect::<Vec<_>>().join(", ")
            );
        }
        if !said.trim().is_empty() {
            eprintln!("warning: `{}` says of `{}`: {}", self.objcopy, self.artifact.display(), said.trim());
        }
        Ok(())
    }
}

/// Makes it.
///
/// # Errors
/// If objcopy cannot do it, or a file cannot be written.
pub fn run(options: &Options) -> Result<()> {
    options.refuse_contradictions()?;
    let mut places = Places::default();
    places.inputs("the artifact", [&options.artifact]);
    places.output("the artifact", &options.output);
    if let Some(file) = &options.debug_file {
        places.output("its debug information", file);
    }
    places.check()?;
    let artifact = options.artifact.display();
    let mut start = [0; 8];
    let is_read = File::open(&options.artifact).and_then(|mut file| file.read_exact(&mut start));
    is_read.with_context(|| format!("cannot read `{artifact}`\n  help: is it among the action's inputs?"))?;
    if !start.starts_with(&ELFMAG) {
        bail!("`{artifact}` is no program or shared library for Linux\n  help: give what `link-only` wrote, and no archive");
    }
    let scratch = Scratch::beside(&options.output)?;
    let mut finished = Finished::default();
    let mut flags = match options.remove {
        Remove::Debug => vec!["--strip-debug".to_owned()],
        Remove::All => vec!["--strip-all".to_owned()],
        Remove::Nothing => options.compression().map(str::to_owned).into_iter().collect(),
    };
    if let Some(file) = &options.debug_file {
        // Under its own name, for that is what becomes the link.
        let made = scratch.subdir("debug")?.join(archive::file_name(file));
        let keep = ["--only-keep-debug"].into_iter().chain(options.compression()).map(str::to_owned);
        options.objcopy(&keep.collect::<Vec<_>>(), &made)?;
        flags.push(format!("--add-gnu-debuglink={}", made.display()));
        finished.add(made, file.clone());
    }
    let made = scratch.subdir("artifact")?.join(archive::file_name(&options.output));
    options.objcopy(&flags, &made)?;
    finished.add(made, options.output.clone());
    finished.publish()
}
