//! Running other programs with errors that say what was run.

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command` with its output shown; fails if it does.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", describe(command));
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to standard output; its standard error is shown only if
/// it fails.
pub fn run_quietly(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} ended with {status}:\n{}", describe(command), String::from_utf8_lossy(&stderr));
    }
    String::from_utf8(stdout).with_context(|| format!("{} did not write UTF-8", describe(command)))
}

fn describe(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    let folder = match command.get_current_dir() {
        Some(folder) => format!(" (in {})", folder.display()),
        None => String::new(),
    };
    format!("`{}`{folder}", words.join(" "))
}

/// The triple of the machine we run on, as rustc names it.
pub fn host_triple() -> Result<String> {
    rustc_says("host")
}

/// The version of the rustc on the PATH, which is Cargo's too.
pub fn rust_version() -> Result<String> {
    rustc_says("release")
}

fn rustc_says(key: &str) -> Result<String> {
    let version = run_quietly(Command::new("rustc").arg("-vV"))?;
    let mut lines = version.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(k, _)| *k == key).map(|(_, value)| value.to_owned()).with_context(|| format!("`rustc -vV` names no {key}"))
}
