//! Stands in for splitlink in the test of twins: `twin_tool SPLITLINK FOLDER ARGUMENT...` runs
//! splitlink with the arguments.
//!
//! It writes the flags that rustc gets down in `FOLDER/<phase>-<crate>-<crate type>` and
//! then makes those alike that Bazel and Buck2 make up of their own names for a crate and of the
//! places where they put its sources, and drops the relocation model, which one leaves to rustc.

use std::ffi::OsString;
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
    match args.iter().rposition(|arg| arg == "--") {
        // Behind the last `--` are rustc, its arguments, or a file of them.
        Some(end) if args.len() > end + 2 && args[0] != "link-only" => {
            let (before, rustc) = args.split_at(end + 2);
            let flags = expand(rustc)?;
            if let Some(name) = value(&flags, "--crate-name=") {
                let crate_type = value(&flags, "--crate-type=").unwrap_or_default();
                let phase = phase(&args[0], &flags);
                fs::write(Path::new(&folder).join(format!("{phase}-{name}-{crate_type}")), flags.join("\n"))?;
                command.args(before).args(alike(&flags));
            } else {
                command.args(&args);
            }
        }
        _ => _ = command.args(&args),
    }
    let status = command.status().context("splitlink cannot be started")?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
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
fn alike(flags: &[String]) -> Vec<OsString> {
    let own = ["-Cmetadata=", "--codegen=metadata=", "--remap-path-prefix=", "-Zremap-cwd-prefix=", "-Crelocation-model="];
    let mut kept: Vec<OsString> = flags.iter().filter(|flag| !own.iter().any(|own| flag.starts_with(own))).map(OsString::from).collect();
    kept.push("-Cmetadata=twin".into());
    let root = flags.iter().find(|flag| !flag.starts_with('-') && flag.ends_with(".rs"));
    if let Some(folder) = root.and_then(|root| Path::new(root).parent()) {
        kept.push(format!("--remap-path-prefix={}=twin", folder.display()).into());
    }
    kept
}
