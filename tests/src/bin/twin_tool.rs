//! Stands in for splitlink in the test of twins: `twin_tool SPLITLINK FOLDER ARGUMENT...` runs
//! splitlink with the arguments.
//!
//! It writes the flags that rustc gets down in `FOLDER/<phase>-<crate>-<crate type>` and
//! then makes those alike that Bazel and Buck2 make up of their own names for a crate and of the
//! places where they put its sources, and drops the relocation model, which one leaves to rustc.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, Result};

fn main() -> Result<ExitCode> {
    let mut args = env::args().skip(1);
    let usage = "usage: twin_tool SPLITLINK FOLDER ARGUMENT...";
    let (splitlink, folder) = (args.next().context(usage)?, args.next().context(usage)?);
    let args: Vec<String> = args.collect();
    let mut command = Command::new(splitlink);
    // Bazel's rules put the whole action into a file, a word a line.
    let action = match args.as_slice() {
        [worker, file] if worker == "worker" => file.strip_prefix('@'),
        _ => None,
    };
    let Some(file) = action else {
        command.args(with_alike(args, &folder)?);
        return run(&mut command);
    };
    let words = fs::read_to_string(file)?.lines().map(str::to_owned).collect();
    // rules_rust's process wrapper writes another file beside it.
    let scratch = env::temp_dir().join(format!("twin-tool-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let changed = scratch.join("action");
    fs::write(&changed, with_alike(words, &folder)?.join("\n") + "\n")?;
    let ended = run(command.arg("worker").arg(format!("@{}", changed.display())));
    fs::remove_dir_all(scratch)?;
    ended
}

fn run(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().context("splitlink cannot be started")?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

/// `args`, a phase and what is behind it; where that is a call of rustc, its flags are written down
/// and made alike.
fn with_alike(args: Vec<String>, folder: &str) -> Result<Vec<String>> {
    // Behind the last `--` are rustc, its arguments, or a file of them.
    let Some(end) = args.iter().rposition(|arg| arg == "--").filter(|end| args.len() > end + 2 && args[0] != "link-only") else {
        return Ok(args);
    };
    let (before, rustc) = args.split_at(end + 2);
    let flags = expand(rustc)?;
    let Some(name) = value(&flags, "--crate-name=") else { return Ok(args) };
    let crate_type = value(&flags, "--crate-type=").unwrap_or_default();
    let phase = phase(&args[0], &flags);
    fs::write(Path::new(folder).join(format!("{phase}-{name}-{crate_type}")), flags.join("\n"))?;
    Ok([before, &alike(&flags)].concat())
}

/// Puts what is in files of arguments in their place.
fn expand(args: &[String]) -> Result<Vec<String>> {
    let mut expanded = Vec::new();
    for arg in args {
        match arg.strip_prefix('@') {
            Some(file) => expanded.extend(fs::read_to_string(file)?.lines().map(str::to_owned)),
            None => expanded.push(arg.clone()),
        }
    }
    Ok(expanded)
}

/// What the call is for, in the words of splitlink's phases.
fn phase<'a>(first: &'a str, flags: &[String]) -> &'a str {
    match first {
        "rustc" if flags.iter().any(|flag| flag == "-Zno-codegen") => "metadata",
        "rustc" => "codegen",
        other => other,
    }
}

fn value<'a>(flags: &'a [String], prefix: &str) -> Option<&'a str> {
    flags.iter().find_map(|flag| flag.strip_prefix(prefix))
}

/// The same flags, but for the crate's identity, which is `twin` and its name, the folder of its
/// sources, which is `twin`, and the relocation model.
fn alike(flags: &[String]) -> Vec<String> {
    let own = ["-Cmetadata=", "--codegen=metadata=", "--remap-path-prefix=", "-Zremap-cwd-prefix=", "-Crelocation-model="];
    let mut kept: Vec<String> = flags.iter().filter(|flag| !own.iter().any(|own| flag.starts_with(own))).cloned().collect();
    kept.push("-Cmetadata=twin".to_owned());
    let root = flags.iter().find(|flag| !flag.starts_with('-') && flag.ends_with(".rs"));
    if let Some(folder) = root.and_then(|root| Path::new(root).parent()) {
        kept.push(format!("--remap-path-prefix={}=twin", folder.display()));
    }
    kept
}
