//! With Bazel: another linker links, and nothing is compiled for it.

use anyhow::{Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::rustc_fixture::tools::{run, skip, succeed};
use std::fs;
use std::process::Command;

const PROGRAM: &str = "//examples/dynamic_dev";

#[test]
fn another_linker_compiles_nothing() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let log = clone.root.with_extension("linker.json");
    let log_flag = format!("--execution_log_json_file={}", log.display());
    let build = |linker: &str| -> Result<Vec<String>> {
        let linker = format!("--//rules/bazel:linker={linker}");
        succeed(&mut clone.build_command(&[&linker, &log_flag], &[PROGRAM]))?;
        let program = clone.bin(&[&linker])?.join("examples/dynamic_dev/dynamic_dev");
        succeed(&mut Command::new(&program))?;
        // What linkers say of themselves in a program. Whatever the C++ toolchain names is not it.
        let bytes = fs::read(program)?;
        let made_by = ["Linker: LLD", "mold "].map(|mark| bytes.windows(mark.len()).any(|window| window == mark.as_bytes()));
        ensure!(made_by == [linker.ends_with("=lld"), linker.ends_with("=mold")], "{linker}: by lld, by mold: {made_by:?}");
        let mut ran: Vec<_> = execution_log::read(&log)?.into_iter().map(|spawn| spawn.mnemonic).collect();
        ran.dedup();
        Ok(ran)
    };
    build("default")?;
    let mut tried = vec!["lld"];
    // Actions have this search path.
    if ["/bin/mold", "/usr/bin/mold", "/usr/local/bin/mold"].iter().any(|path| fs::exists(path).unwrap_or(false)) {
        tried.push("mold");
    } else {
        skip("no mold in /usr/bin: install it to have Bazel link with it");
    }
    for linker in tried {
        let ran = build(linker)?;
        ensure!(ran == ["SplitlinkLink"], "{linker}: {ran:?}");
    }
    let output = run(&mut clone.build_command(&["--//rules/bazel:linker=gold"], &[PROGRAM]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("it takes default or lld or mold or wild"), "{said}");
    fs::remove_file(log)?;
    Ok(())
}
