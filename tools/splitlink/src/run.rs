//! `splitlink run`: a command of which a build system knows less than where its files are now.
//!
//! A build system's rule has fixed the command that runs a program, a Cargo build script say, which
//! the split builds elsewhere. The command reads the program's path and others from its arguments,
//! its environment and response files.

use crate::files::exchange::Exchange;
use crate::files::scratch::Scratch;
use crate::rustc::command::{self, ChildFailed};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// The options of the subcommand.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A path and the one that stands for it, wherever it is a whole path or the beginning of one:
    /// in arguments, in response files that they name (`@FILE`, `--option=@FILE`), and in the
    /// environment; once for each. [default: none]
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    exchange: Vec<String>,
    /// A program, the new one of a pair of --exchange, that is run from a scratch folder, where it
    /// finds its runfiles beside it. [default: it is run where it is]
    #[arg(long, value_name = "FILE", requires = "scratch_beside")]
    program: Option<PathBuf>,
    /// The output beside which the scratch folder is made. [default: none is made]
    #[arg(long, value_name = "PATH")]
    scratch_beside: Option<PathBuf>,
    /// A runfile of the program: its path in the folder of runfiles, and where it is; once for
    /// each. [default: none]
    #[arg(long, num_args = 2, value_names = ["RUNFILE", "FILE"], requires = "program")]
    runfile: Vec<String>,
    /// The command to run
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs the command to its end.
///
/// # Errors
/// [`ChildFailed`], if the command fails; that it cannot be started, or a file cannot be read or
/// made.
pub fn run(options: &Options) -> Result<()> {
    let exchange = Exchange::of(&options.exchange);
    let scratch = options.scratch_beside.as_deref().map(Scratch::beside).transpose()?;
    let mut direct = Exchange::default();
    if let (Some(program), Some(scratch)) = (&options.program, &scratch) {
        // It goes by the name that the command knows. Where rules link one program to another, the
        // last is the one that is run, and has the folder itself.
        let folder = scratch.subdir("program")?;
        let mut runfiles: Option<PathBuf> = None;
        for old in exchange.olds_of(program).into_iter().rev() {
            let placed = folder.join(Path::new(&old).file_name().unwrap_or_default());
            let beside = placed.with_added_extension("runfiles");
            link(program, &placed)?;
            match &runfiles {
                Some(runfiles) => link(runfiles, &beside)?,
                None => lay_out(&options.runfile, &beside)?,
            }
            runfiles.get_or_insert(beside.clone());
            direct.add(format!("{old}.runfiles"), &beside);
            direct.add(old, &placed);
        }
    }
    // What is run is the program in its place; what is listed in a file is the program itself.
    let placed = |text: &str| exchange.apply(&direct.apply(text));
    let Some((name, args)) = options.command.split_first() else {
        bail!("no command was given\n  help: put it behind `--`");
    };
    let mut command = Command::new(name);
    for (number, arg) in args.iter().enumerate() {
        match response_file_in(arg) {
            Some((before, file)) => {
                let text = fs::read_to_string(file)
                    .with_context(|| format!("cannot read the response file `{file}`\n  help: is it among the action's inputs?"))?;
                let exchanged = exchange.apply(&text);
                let Some(scratch) = scratch.as_ref().filter(|_| exchanged != text) else {
                    if exchanged != text {
                        bail!(
                            "the response file `{file}` has paths to exchange\n  help: say with --scratch-beside where a copy may be made"
                        );
                    }
                    command.arg(arg);
                    continue;
                };
                let copy = scratch.path().join(format!("arguments-{number}"));
                fs::write(&copy, exchanged).with_context(|| format!("cannot write `{}`", copy.display()))?;
                command.arg(format!("{before}@{}", copy.display()));
            }
            None => drop(command.arg(placed(arg))),
        }
    }
    for (variable, value) in std::env::vars_os() {
        if let Some(value) = value.to_str() {
            let exchanged = placed(value);
            if exchanged != value {
                command.env(variable, exchanged);
            }
        }
    }
    let status = command::tie(&mut command).status().with_context(|| command::cannot_start("the command", name))?;
    if status.success() { Ok(()) } else { Err(ChildFailed::from_status(status).into()) }
}

/// Makes the `folder` of `runfiles`.
fn lay_out(runfiles: &[String], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    for pair in runfiles.chunks_exact(2) {
        let (name, file) = (Path::new(&pair[0]), Path::new(&pair[1]));
        let is_inside = name.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside || name.as_os_str().is_empty() {
            bail!("the runfile `{}` would be outside the folder of runfiles\n  help: give a path inside it, without `..`", name.display());
        }
        link(file, &folder.join(name))?;
    }
    Ok(())
}

/// Makes a symbolic link `at` a place, which it makes a folder for, that leads `to` a file.
fn link(to: &Path, at: &Path) -> Result<()> {
    let cannot = || format!("cannot link `{}` to `{}`", at.display(), to.display());
    if let Some(parent) = at.parent() {
        fs::create_dir_all(parent).with_context(cannot)?;
    }
    symlink(std::path::absolute(to).with_context(cannot)?, at).with_context(cannot)
}

/// The response file that an argument names, and what stands before its `@`.
fn response_file_in(arg: &str) -> Option<(&str, &str)> {
    let (before, file) = arg.split_once('@')?;
    let is_option = before.starts_with("--") && before.ends_with('=') && before.matches('=').count() == 1;
    (before.is_empty() || is_option).then_some((before, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_files() {
        for (arg, expected) in [
            ("@file", Some(("", "file"))),
            ("--args=@file", Some(("--args=", "file"))),
            ("--args=a=@file", None),
            ("user@host", None),
            ("--script=path", None),
        ] {
            assert_eq!(response_file_in(arg), expected, "{arg}");
        }
    }
}
