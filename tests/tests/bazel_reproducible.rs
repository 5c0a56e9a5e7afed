//! Two clones at different paths, with different output bases, give the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use splitlink_tests::real_programs::cache;
use splitlink_tests::rustc_fixture::tools::{repository, splitlink};

/// What is built: in debug, whose information names source files, and as users build by default.
const BUILDS: &[(&str, &[&str])] = &[
    ("dbg", &["//examples/hello/...", "//examples/proc_macro/..."]),
    ("fastbuild", &["//examples/...", "//tests/bazel_rules/build_script/..."]),
];

/// A toolchain with the tool as Cargo built it: what is compared is what the tool writes, so both clones need not build it.
const TOOLCHAIN: &str = r#"load("//rules/bazel:toolchain.bzl", "splitlink_toolchain")

splitlink_toolchain(
    name = "prebuilt",
    splitlink = "splitlink",
)

toolchain(
    name = "toolchain",
    toolchain = ":prebuilt",
    toolchain_type = "//rules/bazel/toolchain:toolchain_type",
)
"#;

#[test]
fn two_clones_give_the_same_bytes() -> Result<()> {
    let folder = cache()?.join("reproducible");
    let clones = [Checkout::make(folder.join("one"))?, Checkout::make(folder.join("another/place"))?];
    for (mode, targets) in BUILDS {
        let [one, other] = [clones[0].build(mode, targets)?, clones[1].build(mode, targets)?];
        ensure!(one.keys().eq(other.keys()), "{mode}: the clones built different files:\n{:?}\n{:?}", one.keys(), other.keys());
        for kind in ["plan.json", ".o", ".rmeta", ".rlib", "/hello"] {
            ensure!(
                one.keys().any(|name| name.ends_with(kind)),
                "{mode}: nothing was built that is named …{kind}, so nothing was compared"
            );
        }
        let different: Vec<_> = one.iter().filter(|(name, bytes)| other[*name] != **bytes).map(|(name, _)| name.as_str()).collect();
        ensure!(different.is_empty(), "{mode}: these files differ between two clones:\n  {}", different.join("\n  "));
        eprintln!("reproducible: {mode}: {} files, the same bytes in two clones", one.len());
    }
    for clone in clones {
        clone.bazel().arg("shutdown").output()?;
    }
    Ok(())
}

/// A clone of this repository's files.
struct Checkout {
    root: PathBuf,
}

impl Checkout {
    fn make(root: PathBuf) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(repository()).output()?;
        ensure!(listed.status.success(), "git cannot list the repository's files: {}", String::from_utf8_lossy(&listed.stderr));
        for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let (from, to) = (repository().join(name), root.join(name));
            fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {name}"))?;
        }
        let prebuilt = root.join("prebuilt");
        fs::create_dir_all(&prebuilt)?;
        fs::copy(splitlink(), prebuilt.join("splitlink"))?;
        fs::write(prebuilt.join("BUILD.bazel"), TOOLCHAIN)?;
        Ok(Self { root })
    }

    fn bazel(&self) -> Command {
        let mut command = Command::new(self.root.join("dev/bazel"));
        command.current_dir(&self.root).arg(format!("--output_base={}.output", self.root.display()));
        command
    }

    /// Builds the targets and returns what the split's actions wrote: file name below the output folder → contents.
    fn build(&self, mode: &str, targets: &[&str]) -> Result<BTreeMap<String, Vec<u8>>> {
        let flags = [format!("--compilation_mode={mode}"), "--extra_toolchains=//prebuilt:toolchain".into(), "--symlink_prefix=/".into()];
        let built = self.bazel().arg("build").args(&flags).arg("--show_result=0").args(targets).output()?;
        ensure!(built.status.success(), "bazel build failed in {}:\n{}", self.root.display(), String::from_utf8_lossy(&built.stderr));
        let info = self.bazel().args(["info", "bazel-bin"]).args(&flags).output()?;
        let bin = PathBuf::from(String::from_utf8(info.stdout)?.trim());
        let mut files = BTreeMap::new();
        for folder in ["examples", "tests"] {
            collect(&bin.join(folder), &bin, &mut files)?;
        }
        Ok(files)
    }
}

/// Adds what the split wrote below `folder`: everything in folders named `….splitlink`, and every program.
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
        } else if kind.is_file() && (name.contains(".splitlink/") || (kind.permissions().mode() & 0o111 != 0 && is_elf(&path)?)) {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

fn is_elf(path: &Path) -> Result<bool> {
    Ok(fs::read(path)?.starts_with(b"\x7fELF"))
}
