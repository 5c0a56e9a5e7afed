//! Installs and runs cargo-bazel, which vendors locked dependencies and writes their BUILD files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    Program,
    command::{run, run_quietly},
};
use crate::rustc_fixture::tools::write_program;

pub const VERSION: &str = "0.18.0";

/// The cargo-bazel executable, built into the cache if it is not there yet.
pub fn install(cache: &Path) -> Result<PathBuf> {
    let root = cache.join(format!("cargo-bazel-{VERSION}"));
    let executable = root.join("bin/cargo-bazel");
    if !executable.exists() {
        eprintln!("real programs: installing cargo-bazel {VERSION}, once (about 3 minutes)");
        run(Command::new("cargo")
            .args(["install", "--locked", "cargo-bazel", "--version", VERSION])
            .arg("--root")
            .arg(&root)
            // Its build is short-lived: optimising it would take longer than it ever runs.
            .args(["--profile", "dev"])
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("RUSTFLAGS"))
        .context("cannot install cargo-bazel")?;
    }
    Ok(executable)
}

/// Vendors the program's dependencies into `<workspace>/<package>/vendor`, each with a BUILD file.
pub fn vendor(executable: &Path, workspace: &Path, program: &Program) -> Result<()> {
    let package = program.package;
    let scratch = workspace.join(".cargo-bazel");
    fs::create_dir_all(&scratch)?;
    let config = scratch.join(format!("{package}.config.json"));
    let manifest = scratch.join(format!("{package}.splicing-manifest.json"));
    let vendored = format!("//{package}/vendor");
    let rendering = json!({
        "repository_name": format!("{package}_crates"),
        "vendor_mode": "local",
        "regen_command": "the real-program test of splitlink",
        "build_file_template": format!("{vendored}/{{name}}-{{version}}:BUILD.bazel"),
        "crate_label_template": format!("{vendored}/{{name}}-{{version}}:{{target}}"),
        "crate_alias_template": format!("{vendored}/{{name}}-{{version}}:{{target}}"),
        "crates_module_template": format!("{vendored}:{{file}}"),
        "default_package_name": null,
        "generate_target_compatible_with": false,
        // A rule that rules_rust 0.54.1 does not have.
        "generate_cargo_toml_env_vars": false,
    });
    fs::write(
        &config,
        serde_json::to_string_pretty(&json!({
            "generate_binaries": false,
            "generate_build_scripts": true,
            "rendering": rendering,
            "supported_platform_triples": [super::host_triple()?],
        }))?,
    )?;
    let program_manifest = workspace.join(package).join("Cargo.toml");
    fs::write(
        &manifest,
        serde_json::to_string_pretty(&json!({
            "direct_packages": {},
            "manifests": { (program_manifest.to_str().context("path is not UTF-8")?): format!("//{package}:Cargo.toml") },
            "cargo_config": null,
            "resolver_version": "2",
        }))?,
    )?;
    // cargo-bazel looks for neither on the PATH.
    let sysroot = run_quietly(Command::new("rustc").args(["--print", "sysroot"]))?;
    let sysroot = Path::new(sysroot.trim()).join("bin");
    run_quietly(
        Command::new(executable)
            .arg("vendor")
            .arg("--config")
            .arg(&config)
            .arg("--splicing-manifest")
            .arg(&manifest)
            .arg("--cargo-lockfile")
            .arg(workspace.join(package).join("Cargo.lock"))
            .arg("--bazel")
            .arg(stand_in(&scratch)?)
            .arg("--workspace-dir")
            .arg(workspace)
            .arg("--nonhermetic-root-bazel-workspace-dir")
            .arg(workspace)
            .arg("--cargo")
            .arg(sysroot.join("cargo"))
            .arg("--rustc")
            .arg(sysroot.join("rustc"))
            .current_dir(workspace),
    )
    .with_context(|| format!("cargo-bazel cannot vendor the dependencies of {package}"))?;
    Ok(())
}

/// An executable that answers cargo-bazel's questions in Bazel's place.
///
/// cargo-bazel asks for the release, to know whether to run `bazel mod tidy` (of no use here), and
/// for the output base, to find manifests in other repositories (there are none). Debian's Bazel
/// calls its release "development version", which cargo-bazel cannot read.
fn stand_in(folder: &Path) -> Result<PathBuf> {
    let script = folder.join("bazel");
    write_program(&script, "#!/bin/sh\nprintf 'release: release 6.0.0\\noutput_base: %s\\n' \"$PWD\"\n")?;
    Ok(script)
}
