//! Bazel's path mapping (`--experimental_output_paths=strip`): a link in one configuration takes
//! from a disk cache what a link in another has written, and nothing is built otherwise for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::succeed;

/// A program of C and Rust, whose plan names a C library, is among them; so are proc macros and
/// what is linked dynamically.
const TARGETS: [&str; 4] = ["//examples/hello/...", "//examples/proc_macro/...", "//examples/dynamic_dev/...", "//examples/c_interop/..."];

/// The programs that are linked from crates and the toolchain alone.
const MAPPED: [&str; 3] = ["hello/hello", "proc_macro/app", "dynamic_dev/dynamic_dev"];

/// Others, which are not mapped.
const UNMAPPED: [&str; 2] = ["c_interop/sum", "dynamic_dev/always_dynamic"];

/// What a build has linked: by name below `examples`, how that was run and the program.
type Linked = BTreeMap<String, (String, Vec<u8>)>;

fn build(clone: &Checkout, end: &End, configuration: &str, flags: &[String]) -> Result<Linked> {
    let log = clone.root.with_extension(format!("log-{configuration}"));
    let bazel = || if end.is_oldest() { Ok(clone.bazel()) } else { end.bazel_in(&clone.root) };
    let always = [
        "--extra_toolchains=//prebuilt:toolchain".to_owned(),
        "--symlink_prefix=/".to_owned(),
        // Two configurations that differ by nothing but the name of their folder.
        format!("--platform_suffix={configuration}"),
    ];
    let output = bazel()?
        .arg("build")
        .args(&always)
        .args(flags)
        .arg(format!("--execution_log_json_file={}", log.display()))
        .arg("--remote_download_outputs=all")
        .args(["--"])
        .args(TARGETS)
        .output()?;
    ensure!(output.status.success(), "with {}, {configuration}: {}", end.name, String::from_utf8_lossy(&output.stderr));
    let info = bazel()?.arg("info").args(&always).arg("bazel-bin").output()?;
    let bin = PathBuf::from(String::from_utf8(info.stdout)?.trim());
    let spawns = execution_log::read(&log)?;
    fs::remove_file(&log)?;
    let links = spawns.iter().filter(|spawn| spawn.mnemonic == "SplitlinkLink" && spawn.output.contains(configuration));
    let linked = links
        .filter_map(|spawn| Some((spawn.output.split_once("/bin/examples/")?.1.to_owned(), spawn)))
        .filter(|(name, _)| MAPPED.iter().chain(&UNMAPPED).any(|program| program == name))
        .map(|(name, spawn)| Ok((name.clone(), (spawn.runner.clone(), fs::read(bin.join("examples").join(&name))?))))
        .collect::<Result<_>>()?;
    // Nobody builds in this configuration again. Bazel leaves folders that nobody may write to.
    let folder = bin.parent().context("it is in a configuration's folder")?;
    succeed(Command::new("chmod").args(["-R", "u+w"]).arg(folder))?;
    fs::remove_dir_all(folder)?;
    Ok(linked)
}

#[test]
fn one_link_for_two_configurations() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let cache = clone.root.with_extension("disk_cache");
    for end in End::all() {
        if cache.exists() {
            fs::remove_dir_all(&cache)?;
        }
        let mapped = ["--experimental_output_paths=strip".to_owned(), format!("--disk_cache={}", cache.display())];
        // Names that no build had, so that all is built.
        let name = |which: &str| format!("{which}{}", std::process::id());
        let first = build(&clone, &end, &name("one"), &mapped)?;
        let second = build(&clone, &end, &name("two"), &mapped)?;
        let plain = build(&clone, &end, &name("plain"), &[])?;
        for program in MAPPED.iter().chain(&UNMAPPED) {
            let [first, second, plain] = [&first, &second, &plain].map(|linked| &linked[*program]);
            ensure!(first.1 == plain.1 && second.1 == plain.1, "with {}, {program} has other bytes where paths are mapped", end.name);
            let hit = second.0 == "disk cache hit";
            ensure!(hit == MAPPED.contains(program), "with {}, {program} is linked by {}", end.name, second.0);
            ensure!(first.0 == "linux-sandbox" && plain.0 == "linux-sandbox", "with {}, {program}: {} and {}", end.name, first.0, plain.0);
        }
    }
    fs::remove_dir_all(&cache)?;
    Ok(())
}
