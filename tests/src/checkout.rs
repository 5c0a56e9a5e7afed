//! A clone of this repository's files, built by Bazel with the tool that is tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::real_programs::{cache, write_changed};
use crate::rustc_fixture::tools::{names_in, repository, splitlink, succeed};
use anyhow::{Context, Result, ensure};

/// A toolchain with the tool that is tested: what is compared is what the tool writes, so no clone
/// needs to build it.
const TOOLCHAIN: &str = r#"load("//rules/bazel:toolchain.bzl", "splitlink_toolchain")

splitlink_toolchain(
    name = "prebuilt",
    lto_engine = "splitlink-lto",
    splitlink = "splitlink",
)

toolchain(
    name = "toolchain",
    toolchain = ":prebuilt",
    toolchain_type = "//rules/bazel/toolchain:toolchain_type",
)
"#;

/// A clone of this repository's files.
#[derive(Debug)]
pub struct Checkout {
    /// Its folder.
    pub root: PathBuf,
    /// The lock of the shared clone, which this test holds as long as this is open.
    _lock: Option<File>,
}

/// The folders with packages whose targets tests build.
const BUILT: [&str; 2] = ["examples", "tests"];

impl Checkout {
    /// Makes the clone in the folder `root`. Nothing of the clone's own is built yet; what
    /// rules_rust brings may be, by an earlier clone in this place. Files that are right already
    /// stay, so that a Bazel server of that one lives on and knows them.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make(root: PathBuf) -> Result<Self> {
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(repository()).output()?;
        ensure!(listed.status.success(), "git cannot list the repository's files: {}", String::from_utf8_lossy(&listed.stderr));
        let listed = String::from_utf8(listed.stdout)?;
        let tools = ["splitlink", "splitlink-lto"].map(|program| (splitlink().with_file_name(program), format!("prebuilt/{program}")));
        let files = listed.split_terminator('\0').map(|name| (repository().join(name), name.to_owned()));
        let files: Vec<_> = files.chain(tools).map(|(from, name)| (from, root.join(name))).collect();
        let build_file = root.join("prebuilt/BUILD.bazel");
        // What an older state of the repository left may be in the way.
        remove_all_but(&files.iter().map(|(_, to)| to).chain([&build_file]).collect(), &root)?;
        for (from, to) in &files {
            copy_changed(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        write_changed(&build_file, TOOLCHAIN)?;
        let clone = Self { root, _lock: None };
        clone.remove_outputs()?;
        Ok(clone)
    }

    /// Makes the clone that one test at a time has, with one Bazel server for all of them.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_shared() -> Result<Self> {
        let folder = cache()?.join("clone");
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock().context("cannot wait for the other tests that have the shared clone")?;
        Ok(Self { _lock: Some(lock), ..Self::make(folder.join("splitlink"))? })
    }

    /// Removes what Bazel has built of the clone's own, so that the next build builds it anew.
    ///
    /// `bazel clean` would remove rules_rust's tools and all that Bazel knows, too, and most of the
    /// next build's time would go there.
    ///
    /// # Errors
    /// If a folder cannot be removed.
    pub fn remove_outputs(&self) -> Result<()> {
        let outputs = self.output_base().join("execroot/_main/bazel-out");
        for configuration in names_in(&outputs) {
            for folder in BUILT.map(|folder| outputs.join(&configuration).join("bin").join(folder)) {
                if folder.exists() {
                    // Bazel leaves folders that nobody may write to.
                    succeed(Command::new("chmod").args(["-R", "u+w"]).arg(&folder))?;
                    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
                }
            }
        }
        Ok(())
    }

    /// Whether [`Self::remove_outputs`] removes the file `output`, which Bazel names from its execution
    /// root.
    pub fn removes(output: &str) -> bool {
        BUILT.iter().any(|folder| output.contains(&format!("/bin/{folder}/")))
    }

    /// Where Bazel keeps what it knows and builds of the clone.
    pub fn output_base(&self) -> PathBuf {
        PathBuf::from(format!("{}.output", self.root.display()))
    }

    /// A Bazel command in it.
    pub fn bazel(&self) -> Command {
        let mut command = Command::new(self.root.join("dev/bazel"));
        command.current_dir(&self.root).arg(format!("--output_base={}", self.output_base().display()));
        command
    }

    /// Bazel's flags for every build.
    fn flags(flags: &[&str]) -> Vec<String> {
        let always = ["--extra_toolchains=//prebuilt:toolchain", "--symlink_prefix=/", "--show_result=0"];
        flags.iter().chain(&always).map(|&flag| flag.to_owned()).collect()
    }

    /// The Bazel command `name`, `build` or one like it, for `targets` with `flags`.
    pub fn command(&self, name: &str, flags: &[&str], targets: &[&str]) -> Command {
        let mut command = self.bazel();
        command.arg(name).args(Self::flags(flags)).arg("--").args(targets);
        command
    }

    /// A Bazel command that builds `targets` with `flags`.
    pub fn build_command(&self, flags: &[&str], targets: &[&str]) -> Command {
        self.command("build", flags, targets)
    }

    /// The folder into which Bazel builds with `flags`.
    ///
    /// # Errors
    /// If Bazel does not say.
    pub fn bin(&self, flags: &[&str]) -> Result<PathBuf> {
        let info = self.bazel().args(["info", "bazel-bin"]).args(Self::flags(flags)).output()?;
        ensure!(info.status.success(), "bazel info failed in {}:\n{}", self.root.display(), String::from_utf8_lossy(&info.stderr));
        Ok(PathBuf::from(String::from_utf8(info.stdout)?.trim()))
    }

    /// Builds the targets and returns what the split's actions wrote: file name below the output
    /// folder → contents.
    ///
    /// # Errors
    /// If Bazel fails.
    pub fn build(&self, flags: &[&str], targets: &[&str]) -> Result<BTreeMap<String, Vec<u8>>> {
        let built = self.build_command(flags, targets).output()?;
        ensure!(built.status.success(), "bazel build failed in {}:\n{}", self.root.display(), String::from_utf8_lossy(&built.stderr));
        self.written(flags)
    }

    /// What the split's actions have written in builds with `flags`.
    ///
    /// # Errors
    /// If Bazel does not say where, or it cannot be read.
    pub fn written(&self, flags: &[&str]) -> Result<BTreeMap<String, Vec<u8>>> {
        let bin = self.bin(flags)?;
        let mut files = BTreeMap::new();
        for folder in BUILT {
            collect(&bin.join(folder), &bin, &mut files)?;
        }
        Ok(files)
    }
}

/// Makes `to` a file with the bytes and the mode of `from`, if it is not.
fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    let mode = |path: &Path| fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.permissions().mode());
    if mode(to).is_some_and(|mode| fs::metadata(from).is_ok_and(|from| from.permissions().mode() == mode))
        && fs::read(from)? == fs::read(to)?
    {
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    // It may be a program that still runs.
    match fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(fs::copy(from, to).map(drop)?),
    }
}

/// Removes all files below `folder` but the `wanted` ones, and folders that hold nothing then.
fn remove_all_but(wanted: &BTreeSet<&PathBuf>, folder: &Path) -> Result<()> {
    for name in names_in(folder) {
        let path = folder.join(name);
        if fs::symlink_metadata(&path)?.is_dir() {
            remove_all_but(wanted, &path)?;
            if names_in(&path).is_empty() {
                fs::remove_dir(&path)?;
            }
        } else if !wanted.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Adds what the split wrote below `folder`: everything in folders named `….splitlink`, and every
/// program.
fn collect(folder: &Path, bin: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.strip_prefix(bin)?.to_string_lossy().into_owned();
        let kind = fs::symlink_metadata(&path)?;
        if kind.is_dir() {
            // Runfiles are links to files that are compared where they are.
            if !name.ends_with(".runfiles") {
                collect(&path, bin, files)?;
            }
        } else if name.ends_with(".params.expanded") {
            // rules_rust's process wrapper writes such a copy of its parameter file, and in no
            // sandbox it stays.
        } else if kind.is_file() && (name.contains(".splitlink/") || (kind.permissions().mode() & 0o111 != 0 && is_elf(&path)?)) {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

fn is_elf(path: &Path) -> Result<bool> {
    Ok(fs::read(path)?.starts_with(b"\x7fELF"))
}
