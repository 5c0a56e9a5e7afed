//! Downloads the published sources of programs, with nothing but Cargo.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Program, command::run_quietly};

/// Copies the published sources of each program to `<workspace>/<package>`.
///
/// A scratch package that depends on the programs makes Cargo download and unpack them, from
/// whatever registry or mirror this machine is set up for. Their dependencies come along, unlocked
/// and unused (`cargo metadata` would leave out packages that have no library).
pub fn download(scratch: &Path, workspace: &Path, programs: &[Program]) -> Result<()> {
    let mut manifest = String::from(
        "[package]\nname = \"real-programs\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n",
    );
    for Program { package, version, .. } in programs {
        manifest += &format!("{package} = {{ version = \"={version}\", default-features = false }}\n");
    }
    fs::create_dir_all(scratch)?;
    fs::write(scratch.join("Cargo.toml"), manifest)?;
    fs::write(scratch.join("lib.rs"), "")?;

    let vendored = scratch.join("vendor");
    run_quietly(Command::new("cargo").args(["vendor", "--versioned-dirs"]).arg(&vendored).current_dir(scratch))
        .context("cannot download the programs' sources (Cargo must reach a crates.io registry or mirror)")?;
    for program in programs {
        let unpacked = vendored.join(format!("{}-{}", program.package, program.version));
        let copy = workspace.join(program.package);
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        copy_folder(&unpacked, &copy)?;
        forget_resolver(&copy)?;
        turn_on(&copy, program)?;
        if !copy.join("Cargo.lock").exists() {
            bail!(
                "{} {} was published without a Cargo.lock, so its build cannot be repeated: choose another program",
                program.package,
                program.version
            );
        }
    }
    fs::remove_dir_all(vendored)?;
    Ok(())
}

/// Takes the resolver out of the manifest, which cargo-bazel names for the workspace that it puts
/// around it. It is the default of all editions from 2021 on.
fn forget_resolver(folder: &Path) -> Result<()> {
    let path = folder.join("Cargo.toml");
    let manifest = fs::read_to_string(&path)?;
    Ok(fs::write(&path, manifest.replace("\nresolver = \"2\"\n", "\n"))?)
}

/// Makes the program's features its only default ones, so that Cargo and cargo-bazel, which knows
/// only default features, see the same.
fn turn_on(folder: &Path, program: &Program) -> Result<()> {
    if program.features.is_empty() {
        return Ok(());
    }
    let path = folder.join("Cargo.toml");
    let manifest = fs::read_to_string(&path)?;
    let header = "\n[features]\n";
    let manifest = match manifest.split_once("\ndefault = [") {
        // A manifest that Cargo has published has a list in one line, or an item a line.
        Some((before, after)) => {
            let (_, after) = after.split_once("]\n").with_context(|| format!("{}: the default features have no end", path.display()))?;
            format!("{before}\n{after}")
        }
        None => manifest,
    };
    if manifest.matches(header).count() != 1 {
        bail!("{}: expected one [features] table", path.display());
    }
    let default = format!("{header}default = {:?}\n", program.features);
    fs::write(path, manifest.replace(header, &default))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
