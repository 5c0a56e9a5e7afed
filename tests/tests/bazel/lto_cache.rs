//! The cache of thin LTO under Bazel: a sandboxed link fills it, and one after a small change takes
//! from it what has not changed.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::rustc_fixture::tools::names_in;

const TARGET: &[&str] = &["//examples/hello"];

const THIN: &str = "--//rules/bazel:lto=thin";

/// The names of its entries, which are digests of what they were made of.
fn entries(folder: &Path) -> Vec<String> {
    names_in(folder).into_iter().filter(|name| name.ends_with(".o")).collect()
}

#[test]
fn a_link_takes_from_the_cache_what_has_not_changed() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let folder = clone.root.with_extension("lto");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    // Bazel lets a sandbox write to a folder only if it is there.
    std::fs::create_dir(&folder)?;
    let plain = clone.build(&[THIN], TARGET)?;

    let cached = [
        THIN.to_owned(),
        format!("--//rules/bazel:lto_cache={}", folder.display()),
        format!("--sandbox_writable_path={}", folder.display()),
        "--strategy=SplitlinkLink=sandboxed".to_owned(),
    ];
    let cached: Vec<&str> = cached.iter().map(String::as_str).collect();
    let first = clone.build(&cached, TARGET)?;
    ensure!(first == plain, "the bytes are others with a cache");
    let before = entries(&folder);
    ensure!(before.len() > 5, "the link has kept {before:?}");

    let source = clone.root.join("examples/hello/src/lib.rs");
    let text = std::fs::read_to_string(&source).context("the example's library")?;
    ensure!(text.contains("Hello"), "nothing to change in {text}");
    std::fs::write(&source, text.replace("Hello", "Good day"))?;
    let changed = clone.build(&cached, TARGET)?;
    ensure!(changed != first, "nothing was built again");
    let new = entries(&folder).into_iter().filter(|name| !before.contains(name)).count();
    ensure!(new > 0 && new < before.len() / 2, "{new} modules were optimised again, of {}", before.len());
    ensure!(clone.build(&[THIN], TARGET)? == changed, "after a change the bytes are others with a cache");

    let output = clone.build_command(&[THIN, "--//rules/bazel:lto_cache=here"], TARGET).output()?;
    let says = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && says.contains("it takes the absolute path of a folder"), "{says}");
    Ok(())
}
