//! Distributed thin LTO under Bazel: after a change the back ends run again of those crates only that
//! import what changed, and what is in the disk cache runs nowhere again.

use anyhow::{Context, Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::importing_crates::{APART, BACK_ENDS, LEAF, SOURCES, printed, without_hash};
use splitlink_tests::rustc_fixture::tools::{run, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PACKAGE: &str = "tests/in_parts";

const BUILD_FILE: &str = r#"load("//rules/bazel:defs.bzl", "rust_binary", "rust_library", "rust_shared_library")

rust_library(
    name = "apart",
    srcs = ["apart.rs"],
    edition = "2024",
)

rust_library(
    name = "leaf",
    srcs = ["leaf.rs"],
    edition = "2024",
)

rust_library(
    name = "middle",
    srcs = ["middle.rs"],
    edition = "2024",
    deps = [":leaf"],
)

rust_binary(
    name = "app",
    srcs = ["app.rs"],
    edition = "2024",
    lto = "thin",
    deps = [
        ":apart",
        ":middle",
    ],
)

rust_shared_library(
    name = "library",
    srcs = ["library.rs"],
    edition = "2024",
    lto = "thin",
    deps = [":middle"],
)
"#;

fn write(clone: &Checkout, files: &[(&str, &str)]) -> Result<()> {
    let folder = clone.root.join(PACKAGE);
    fs::create_dir_all(&folder)?;
    files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}")))
}

/// Builds the program, and says which actions of the link ran and were not taken from a cache: the
/// thin link, back ends by their crate, and the link.
fn build(clone: &Checkout, flags: &[&str]) -> Result<BTreeSet<String>> {
    let log = clone.root.with_extension("lto_distributed.json");
    let log_flag = format!("--execution_log_json_file={}", log.display());
    succeed(&mut clone.build_command(&[&["-c", "opt", ON, &log_flag], flags].concat(), &[&format!("//{PACKAGE}:app")]))?;
    let ran = execution_log::read(&log)?.into_iter().filter(|spawn| spawn.runner != "disk cache hit");
    let named = ran.filter_map(|spawn| match spawn.mnemonic.as_str() {
        "SplitlinkThinLink" | "SplitlinkLink" => Some(spawn.mnemonic),
        "SplitlinkThinBackend" => spawn
            .output
            .split_once("/thin_objects/")
            .map(|(_, rest)| without_hash(&rest.split('/').take(2).collect::<Vec<_>>().join("/")).to_owned()),
        _ => None,
    });
    Ok(named.map(|name| if name.starts_with("own") { "own".to_owned() } else { name }).collect())
}

const ON: &str = "--//rules/bazel:lto_distributed";

fn check_printed(clone: &Checkout, flags: &[&str], factor: u64) -> Result<()> {
    // With an LTO of its own it is in a folder of its own.
    let output = succeed(&mut clone.command("run", &[&["-c", "opt", ON], flags].concat(), &[&format!("//{PACKAGE}:app")]))?.stdout;
    ensure!(output == printed(factor).as_bytes(), "it prints {}", String::from_utf8_lossy(&output));
    Ok(())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn only_what_imports_the_change_is_optimised_again() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let cache = clone.root.with_extension("disk_cache");
    remove(&cache)?;
    let disk = format!("--disk_cache={}", cache.display());
    let flags: &[&str] = &[
        &disk,
        // The cache goes in the end, and the server would think of what it did not fetch.
        "--remote_download_outputs=all",
        "--strategy=SplitlinkThinLink=sandboxed",
        "--strategy=SplitlinkThinBackend=sandboxed",
        "--strategy=SplitlinkLink=sandboxed",
    ];
    write(&clone, &[&SOURCES[..], &[("BUILD.bazel", BUILD_FILE)]].concat())?;
    let all = build(&clone, flags)?;
    ensure!(all == set(&[&BACK_ENDS[..], &["SplitlinkLink", "SplitlinkThinLink"]].concat()), "{all:?}");
    check_printed(&clone, flags, 77)?;
    ensure!(build(&clone, flags)?.is_empty(), "something ran again of itself");

    // `leaf` is inlined into `middle`, which is in nobody.
    let leaf = LEAF.replace("77", "79");
    write(&clone, &[("leaf.rs", &leaf)])?;
    let again = build(&clone, flags)?;
    ensure!(
        again == set(&["SplitlinkThinLink", "SplitlinkLink", "crates/leaf", "crates/middle"]),
        "after a change of `leaf` there ran {again:?}"
    );
    check_printed(&clone, flags, 79)?;
    // What is imported by nobody.
    write(&clone, &[("apart.rs", &APART.replace("1234", "1235"))])?;
    let again = build(&clone, flags)?;
    ensure!(again == set(&["SplitlinkThinLink", "SplitlinkLink", "crates/apart"]), "after a change of `apart` there ran {again:?}");
    // All of that was built before.
    write(&clone, &SOURCES)?;
    let again = build(&clone, flags)?;
    ensure!(again.is_empty(), "what is in the disk cache ran again: {again:?}");
    check_printed(&clone, flags, 77)?;

    // In another output base, with nothing but the disk cache.
    let other = Checkout::make(splitlink_tests::real_programs::cache()?.join("reproducible/another/place"))?;
    other.remove_outputs()?;
    write(&other, &[&SOURCES[..], &[("BUILD.bazel", BUILD_FILE)]].concat())?;
    write(&other, &[("leaf.rs", &LEAF.replace("77", "81"))])?;
    let there = build(&other, flags)?;
    other.bazel().arg("shutdown").output()?;
    ensure!(there == set(&["SplitlinkThinLink", "SplitlinkLink", "crates/leaf", "crates/middle"]), "in another place there ran {there:?}");
    remove(&cache)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// The bytes of one action and of many are the same where others look; and what cannot go together
/// is said.
#[test]
fn all_crate_types() -> Result<()> {
    let clone = Checkout::make_shared()?;
    write(&clone, &[&SOURCES[..], &[("BUILD.bazel", BUILD_FILE)]].concat())?;
    succeed(&mut clone.command("test", &[ON, "--test_output=errors"], &["//examples/lto:all"]))?;
    succeed(&mut clone.build_command(&["-c", "opt", ON], &[&format!("//{PACKAGE}:library")]))?;
    // Default links have none of these actions.
    let actions =
        succeed(&mut clone.command("aquery", &["-c", "opt"], &[&format!("mnemonic(\"SplitlinkThin.*\", deps(//{PACKAGE}:all))")]))?;
    ensure!(actions.stdout.is_empty(), "{}", String::from_utf8_lossy(&actions.stdout));
    for other in ["--//rules/bazel:lto_cache=/var/cache/lto", "--fission=yes"] {
        let output = run(&mut clone.build_command(&[ON, other], &[&format!("//{PACKAGE}:app")]))?;
        let says = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && says.contains("leave one of them out"), "{other}: {says}");
    }
    Ok(())
}
