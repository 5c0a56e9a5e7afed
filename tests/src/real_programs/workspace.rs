//! The scratch Bazel workspace that holds the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{
    Program, Rules, build_file, cargo_bazel,
    command::{run, run_quietly, rust_version},
    sources,
};

/// Where a workspace takes the splitlink tool from.
#[derive(Debug, Clone, Copy)]
pub enum Tool<'a> {
    /// Bazel builds it, as it does for users who register no toolchain of their own.
    FromSource,
    /// An executable.
    Prebuilt(&'a Path),
}

/// Declares the executable `splitlink` of the workspace as a toolchain.
const PREBUILT: &str = r#"load("@splitlink//rules/bazel:toolchain.bzl", "splitlink_toolchain")

splitlink_toolchain(
    name = "prebuilt",
    splitlink = "splitlink",
)

toolchain(
    name = "prebuilt_toolchain",
    toolchain = ":prebuilt",
    toolchain_type = "@splitlink//rules/bazel/toolchain:toolchain_type",
)
"#;

/// A generated workspace, ready to build.
#[derive(Debug)]
pub struct Workspace {
    /// The workspace's folder.
    pub root: PathBuf,
}

impl Workspace {
    /// The name of the one whose program is built on a cluster. `fetch_real_program` makes it before,
    /// for with a cluster there is no internet.
    pub const REMOTE: &'static str = "remote";

    /// Makes or updates `<cache>/real_programs/<name>` with the given programs; downloads and
    /// generates only what is not there.
    pub fn generate(name: &str, programs: &[Program], tool: Tool<'_>) -> Result<Workspace> {
        let cache = cache()?.join("real_programs");
        let workspace = Workspace { root: cache.join(name) };

        let stamp = workspace.root.join("vendored");
        let wanted = format!("{programs:?} cargo-bazel {}, {}\n", cargo_bazel::VERSION, build_file::CHANGES);
        if fs::read_to_string(&stamp).unwrap_or_default() != wanted {
            if workspace.root.exists() {
                fs::remove_dir_all(&workspace.root)?;
            }
            fs::create_dir_all(&workspace.root).with_context(|| format!("cannot create {}", workspace.root.display()))?;
            let cargo_bazel = cargo_bazel::install(&cache)?;
            eprintln!("real programs: downloading sources");
            sources::download(&cache.join(format!("sources-{name}")), &workspace.root, programs)?;
            for program in programs {
                eprintln!("real programs: vendoring the dependencies of {}", program.package);
                cargo_bazel::vendor(&cargo_bazel, &workspace.root, program)?;
                build_file::change_vendored(&workspace.root.join(program.package).join("vendor"))?;
            }
            fs::write(&stamp, wanted)?;
        }
        for program in programs {
            build_file::write(&workspace.root, program)?;
        }
        workspace.write_module(tool)?;
        workspace.begin_round("0")?;
        Ok(workspace)
    }

    /// Has the next build compile every crate of the programs, unless one of the same name has:
    /// what only Bazel and rules_rust bring stays.
    pub fn begin_round(&self, name: &str) -> Result<()> {
        write_changed(&self.root.join(build_file::ROUND_FILE), &format!("ROUND = \"-Cmetadata=round-{name}\"\n"))
    }

    /// Writes what makes the folder a workspace with splitlink and rules_rust.
    ///
    /// # Errors
    /// If something cannot be written.
    pub fn write_module(&self, tool: Tool<'_>) -> Result<()> {
        let rust_version = rust_version()?;
        let splitlink = repository();
        let module = format!(
            r#"module(name = "real_programs")
bazel_dep(name = "rules_rust", version = "0.73.0")
bazel_dep(name = "splitlink")
local_path_override(module_name = "splitlink", path = {splitlink:?})

rust = use_extension("@rules_rust//rust:extensions.bzl", "rust")
rust.toolchain(versions = [{rust_version:?}])
"#
        );
        let (register, build) = match tool {
            Tool::FromSource => ("", ""),
            Tool::Prebuilt(executable) => {
                // A copy: a running build must not see the original being built anew. A worker of the
                // last one may still run the old copy.
                let copy = self.root.join("splitlink");
                let _ = fs::remove_file(&copy);
                fs::copy(executable, copy).with_context(|| format!("cannot copy {}", executable.display()))?;
                ("register_toolchains(\"//:prebuilt_toolchain\")\n", PREBUILT)
            }
        };
        write_changed(&self.root.join("BUILD.bazel"), build)?;
        write_changed(&self.root.join("MODULE.bazel"), &(module + register))
    }

    /// Builds the programs with Bazel, `flags` added, and returns their executables in the same
    /// order.
    pub fn build(&self, programs: &[Program], rules: Rules, flags: &[&str]) -> Result<Vec<PathBuf>> {
        let labels: Vec<_> = programs.iter().map(|program| program.label(rules)).collect();
        // Progress every now and then, and no warnings of other people's code.
        let quieter = ["--show_result=0", "--show_progress_rate_limit=10", "--output_filter=DONT_MATCH_ANYTHING"];
        run(self.bazel().arg("build").args(quieter).args(flags).args(&labels))?;
        let execution_root = run_quietly(self.bazel().args(["info", "execution_root"]))?;
        let execution_root = Path::new(execution_root.trim());
        labels
            .iter()
            .map(|label| {
                let listed = run_quietly(self.bazel().args(["cquery", "--output=files"]).args(flags).arg(label))?;
                let file = listed.lines().find(|file| file.ends_with(&label[1..].replace(':', "/")));
                let file = file.with_context(|| format!("Bazel names no executable of {label}:\n{listed}"))?;
                Ok(execution_root.join(file))
            })
            .collect()
    }

    /// The mnemonic of the action that makes the program's executable.
    pub fn linking_action(&self, program: &Program, rules: Rules, flags: &[&str]) -> Result<String> {
        let label = program.label(rules);
        let query = format!("outputs('.*/{}', {label})", &label[2..].replace(':', "/"));
        let actions = run_quietly(self.bazel().arg("aquery").args(flags).arg(query))?;
        let mnemonic = actions.lines().find_map(|line| line.trim().strip_prefix("Mnemonic: "));
        mnemonic.map(str::to_owned).with_context(|| format!("no action makes the executable of {label}:\n{actions}"))
    }

    /// A Bazel command in this workspace.
    pub fn bazel(&self) -> Command {
        let mut command = Command::new(repository().join("dev/bazel"));
        command.current_dir(&self.root);
        command
    }
}

impl AsRef<Path> for Workspace {
    fn as_ref(&self) -> &Path {
        &self.root
    }
}

impl Drop for Workspace {
    /// Ends the Bazel server, which would keep its memory for hours.
    fn drop(&mut self) {
        let _ = self.bazel().arg("shutdown").status();
    }
}

/// Writes a file unless it says the same already: Cargo and Bazel would look at a newer one again.
pub(crate) fn write_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The root of splitlink's own repository.
fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The folder that keeps what is slow to make between runs: the one of `dev/bazel`.
pub fn cache() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("SPLITLINK_CACHE") {
        return std::path::absolute(folder).context("SPLITLINK_CACHE names no folder");
    }
    let caches = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir().context("no home folder: set SPLITLINK_CACHE to a folder that may be written")?.join(".cache"),
    };
    Ok(caches.join("splitlink"))
}
