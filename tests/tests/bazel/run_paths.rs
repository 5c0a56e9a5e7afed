//! With Bazel: run paths that the user gives and those that rules_rust gives, and the standard
//! library's dylib by rules_rust's own setting.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::tools::{repository, succeed};
use std::path::{Path, PathBuf};
use std::process::Command;

fn bazel(args: &[&str]) -> Result<String> {
    let root = repository();
    Ok(String::from_utf8_lossy(&succeed(Command::new(root.join("dev/bazel")).current_dir(root).args(args))?.stdout).into_owned())
}

/// Builds `target` with `flags`, and says where its file is whose name ends like `name`.
fn built(target: &str, name: &str, flags: &[&str]) -> Result<PathBuf> {
    bazel(&[&["build", target], flags].concat())?;
    let listed = bazel(&[&["cquery", "--output=files", target], flags].concat())?;
    let file = listed.lines().find(|line| line.ends_with(name)).with_context(|| format!("{target} has no {name}: {listed}"))?;
    Ok(Path::new(bazel(&["info", "execution_root"])?.trim()).join(file))
}

/// The artifact's run paths.
fn run_paths(artifact: &Path) -> Result<Vec<String>> {
    let facts = elf::describe(artifact)?;
    let found = facts.iter().find_map(|fact| fact.strip_prefix("runpath ").or(fact.strip_prefix("rpath ")));
    Ok(found.unwrap_or_default().split(':').map(str::to_owned).collect())
}

/// The library is linked in a folder below the one that rules_rust means.
#[test]
fn of_the_user_and_of_rules_rust() -> Result<()> {
    let library = built("//tests/bazel_rules/native:numbers_shared", ".so", &[])?;
    let paths = run_paths(&library)?;
    ensure!(paths.iter().any(|path| path == "$ORIGIN/users"), "the user's own is another: {paths:?}");
    let folder = library.parent().context("it is in a folder")?;
    let of_solib: Vec<_> = paths.iter().filter(|path| path.contains("_solib")).collect();
    ensure!(!of_solib.is_empty(), "rules_rust gives none to the shared library: {paths:?}");
    for path in of_solib {
        let dir = folder.join(path.trim_start_matches("$ORIGIN/"));
        ensure!(dir.is_dir(), "`{path}` leads to `{}`, which does not exist", dir.display());
    }
    Ok(())
}

#[test]
fn the_standard_librarys_dylib() -> Result<()> {
    let flag = "--@rules_rust//rust/settings:experimental_link_std_dylib=true";
    let program = built("//examples/hello", "hello", &[flag])?;
    ensure!(elf::describe(&program)?.iter().any(|fact| fact.starts_with("needed libstd-")), "it is linked statically");
    ensure!(run_paths(&program)?.iter().all(|path| path.starts_with("$ORIGIN")), "{:?}", run_paths(&program)?);
    // From any folder.
    succeed(Command::new(&program).current_dir("/").env_remove("LD_LIBRARY_PATH"))?;
    Ok(())
}
