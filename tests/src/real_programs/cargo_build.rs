//! Cargo's build of the same sources, to compare with.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{
    NO_GIT_DIR, Program, cache,
    command::{host_triple, run, run_quietly},
};

/// A Cargo profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Cargo's `dev`, Bazel's `fastbuild`.
    Dev,
    /// Cargo's `release`, Bazel's `opt`, set to the options that rules_rust gives rustc whatever
    /// the program's manifest says.
    Release,
}

/// The folder into which Cargo builds the programs for those who compare with its build in debug:
/// the crates below them are compiled once for all. No other process builds a program there until
/// this is dropped.
#[derive(Debug)]
pub struct SharedTarget {
    /// The folder.
    pub dir: PathBuf,
    _lock: File,
}

impl SharedTarget {
    /// Waits until it is free.
    pub fn open() -> Result<Self> {
        let folder = cache()?.join("real_programs");
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("cargo-target.lock"))?;
        lock.lock().context("cannot wait for others that build the real programs with Cargo")?;
        Ok(Self { dir: folder.join("cargo-target"), _lock: lock })
    }
}

/// Builds `program`, which lies in a folder of `workspace`, into `target_dir` and returns the
/// executable.
pub fn build(workspace: impl AsRef<Path>, program: &Program, profile: Profile, target_dir: &Path) -> Result<PathBuf> {
    run(&mut command(workspace, program, profile, target_dir))?;
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    Ok(target_dir.join(folder).join(program.bin))
}

/// Builds `program` optimised and with link-time optimisation, `thin` or `fat`, into `target_dir`
/// and returns the executable.
pub fn build_with_lto(workspace: impl AsRef<Path>, program: &Program, mode: &str, target_dir: &Path) -> Result<PathBuf> {
    run(command(workspace, program, Profile::Release, target_dir).env("CARGO_PROFILE_RELEASE_LTO", mode))?;
    Ok(target_dir.join("release").join(program.bin))
}

/// The command that builds `program` into `target_dir`.
pub fn command(workspace: impl AsRef<Path>, program: &Program, profile: Profile, target_dir: &Path) -> Command {
    let mut command = cargo("build", workspace.as_ref(), program);
    command.args(["--bin", program.bin, "--target-dir"]).arg(target_dir);
    if profile == Profile::Release {
        command
            .arg("--release")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "false")
            .env("CARGO_PROFILE_RELEASE_PANIC", "unwind")
            .env("CARGO_PROFILE_RELEASE_STRIP", "none");
    }
    command
}

/// The crates that `program` is built from on this machine, build dependencies and itself included,
/// as `name version`.
pub fn crates(workspace: impl AsRef<Path>, program: &Program) -> Result<BTreeSet<String>> {
    let mut command = cargo("tree", workspace.as_ref(), program);
    command.args(["--edges=normal,build", "--prefix=none", "--no-dedupe", "--format={p}", "--target"]).arg(host_triple()?);
    let listed = run_quietly(&mut command)?;
    Ok(listed.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty()).collect())
}

/// A Cargo command for `program`, which lies in a folder of `workspace`.
pub(super) fn cargo(subcommand: &str, workspace: &Path, program: &Program) -> Command {
    let mut command = Command::new("cargo");
    command
        .args([subcommand, "--locked", "--manifest-path"])
        .arg(workspace.join(program.package).join("Cargo.toml"))
        .current_dir(workspace.join(program.package))
        // No flags of our caller may tell the builds apart.
        .env("GIT_DIR", NO_GIT_DIR)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS");
    command
}
