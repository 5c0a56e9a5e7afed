//! tests/run-make: the tests' own recipes with their own assertions, run as compiletest does it
//! (`runtest::run_make`, 1.95), with the driver in the place of rustc.

use crate::attempt::Attempt;
use crate::directives::Directives;
use crate::judge::NotTried;
use crate::machine::{COMPONENTS, Machine};
use crate::running;
use anyhow::{Context, Result, bail};
use splitlink_tests::rustc_fixture::tools::Toolchain;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// How long a recipe may take, in seconds.
const RECIPE: u64 = 900;

/// A test: its recipe's folder.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    /// Its name: the path below tests/.
    pub(crate) name: String,
    folder: PathBuf,
}

/// How the recipes are run.
pub(crate) struct RunMake<'a> {
    toolchain: &'a Toolchain,
    source: PathBuf,
    folder: PathBuf,
    compiled: Mutex<()>,
}

/// All tests below `folder` that apply, and why others are not tried.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn find(folder: &Path, machine: &Machine) -> Result<(Vec<Test>, NotTried)> {
    let (mut tests, mut skipped) = (Vec::new(), Vec::new());
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read the tests in `{}`", folder.display()))? {
        folders.push(entry?.path());
    }
    folders.sort();
    for folder in folders {
        let Ok(text) = fs::read_to_string(folder.join("rmake.rs")) else { continue };
        let name = format!("run-make/{}", folder.file_name().unwrap_or_default().display());
        match machine.refuses(&Directives::parse(&text), None) {
            Some(why) => skipped.push((name, format!("does not apply: {why}"))),
            None => tests.push(Test { name, folder }),
        }
    }
    Ok((tests, skipped))
}

impl Test {
    /// All that its sources say.
    pub(crate) fn text(&self) -> String {
        let files = fs::read_dir(&self.folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        files.map(|file| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()).collect()
    }
}

impl<'a> RunMake<'a> {
    /// Builds the suite's support library in `folder`, once.
    ///
    /// # Errors
    /// If it cannot be built.
    pub(crate) fn new(toolchain: &'a Toolchain, source: &Path, folder: &Path) -> Result<Self> {
        let package = source.join("src/tools/run-make-support");
        // The versions of its dependencies are those of the release.
        if source.join("Cargo.lock").exists() && !package.join("Cargo.lock").exists() {
            fs::copy(source.join("Cargo.lock"), package.join("Cargo.lock"))?;
        }
        let mut cargo = Command::new(toolchain.sysroot.join("bin/cargo"));
        cargo.args(["build", "--quiet", "--manifest-path"]).arg(package.join("Cargo.toml")).arg("--target-dir").arg(folder.join("support"));
        cargo.env("RUSTC", &toolchain.rustc).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        if !cargo.status().context("cannot start cargo")?.success() {
            bail!(
                "the suite's run-make-support does not build\n  help: its dependencies come from crates.io: is the network there? (cargo's messages are above)"
            );
        }
        let compiled = folder.join("recipes");
        fs::create_dir_all(&compiled)?;
        Ok(Self { toolchain, source: source.to_owned(), folder: folder.to_owned(), compiled: Mutex::new(()) })
    }

    /// The compiled recipe of `test`.
    fn recipe(&self, test: &Test) -> Result<Result<PathBuf, crate::running::Outcome>> {
        let name = test.name.replace('/', "+");
        let recipe = self.folder.join("recipes").join(&name);
        if recipe.exists() {
            return Ok(Ok(recipe));
        }
        // One at a time: they all take the same files.
        let _one = self.compiled.lock().expect("no compilation panics");
        let support = self.folder.join("support/debug");
        let scratch = self.folder.join("recipes").join(format!("{name}.scratch"));
        fs::create_dir_all(&scratch)?;
        let made = scratch.join("rmake");
        let mut rustc = Command::new(&self.toolchain.rustc);
        rustc
            .env("RUSTC_BOOTSTRAP", "-1")
            .arg(test.folder.join("rmake.rs"))
            .arg("-o")
            .arg(&made)
            // There are hundreds of them, and debug information is most of one.
            .args(["--edition=2024", "-Dunused_must_use", "-Cstrip=symbols"]);
        rustc.arg(format!("-Ldependency={}", support.join("deps").display()));
        rustc.arg("--extern").arg(format!("run_make_support={}", support.join("librun_make_support.rlib").display()));
        let outcome = running::run(&mut rustc, &scratch, RECIPE)?;
        if !outcome.success() {
            return Ok(Err(outcome));
        }
        fs::rename(&made, &recipe)?;
        fs::remove_dir_all(&scratch)?;
        Ok(Ok(recipe))
    }

    /// Runs the recipe of `test` with `rustc` in the folder `work`.
    ///
    /// # Errors
    /// If a program cannot be started.
    pub(crate) fn attempt(&self, test: &Test, rustc: &Path, bootstrap: bool, work: &Path) -> Result<Attempt> {
        let recipe = match self.recipe(test)? {
            Ok(recipe) => recipe,
            Err(outcome) => return Ok(Attempt::NotBuilt(outcome)),
        };
        let out = work.join("rmake_out");
        copy(&test.folder, &out)?;
        let (sysroot, libdir) = (&self.toolchain.sysroot, self.toolchain.libdir());
        let mut command = Command::new(recipe);
        command.current_dir(&out).env_remove("RUST_BACKTRACE").env_remove("RUSTFLAGS");
        for name in ["__RUSTC_DEBUG_ASSERTIONS_ENABLED", "__STD_DEBUG_ASSERTIONS_ENABLED", "__STD_REMAP_DEBUGINFO_ENABLED"] {
            command.env_remove(name);
        }
        command.env("LD_LIB_PATH_ENVVAR", "LD_LIBRARY_PATH").env("LD_LIBRARY_PATH", &libdir);
        command.env("HOST_RUSTC_DYLIB_PATH", sysroot.join("lib")).env("TARGET_EXE_DYLIB_PATH", &libdir);
        command.env("TARGET", &self.toolchain.host).env("PYTHON", "python3").env("SOURCE_ROOT", &self.source).env("BUILD_ROOT", work);
        command.env("RUSTC", rustc).env("RUSTDOC", sysroot.join("bin/rustdoc")).env("LLVM_COMPONENTS", COMPONENTS.join(" "));
        let flags = "-ffunction-sections -fdata-sections -fPIC";
        command.env("CC", "cc").env("CC_DEFAULT_FLAGS", flags).env("CXX", "c++").env("CXX_DEFAULT_FLAGS", flags).env("AR", "ar");
        command.env("__BOOTSTRAP_JOBS", "1");
        if let Some(dir) = llvm_bin_dir() {
            command.env("LLVM_BIN_DIR", dir);
        }
        if bootstrap {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        let outcome = running::run(&mut command, work, RECIPE)?;
        Ok(if outcome.success() { Attempt::Built(None) } else { Attempt::NotBuilt(outcome) })
    }
}

/// The folder of LLVM's own tools, if they are installed.
fn llvm_bin_dir() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|dir| dir.join("llvm-readobj")).find(|tool| tool.exists())?;
    Some(fs::canonicalize(found).ok()?.parent()?.to_owned())
}

/// Copies what is in `from`, the recipe apart, into `to`.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|name| *name != "rmake.rs") else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
