//! With Bazel: with interfaces, a change in a function's body compiles its crate alone.

use anyhow::{Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::rustc_fixture::tools::succeed;
use std::fs;
use std::process::Command;

const PROGRAM: &str = "//examples/dynamic_dev";

const SOURCE: &str = "examples/dynamic_dev/src/journey.rs";

#[test]
fn a_change_in_a_body_compiles_its_crate_alone() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let original = fs::read_to_string(clone.root.join(SOURCE))?;
    let log = clone.root.with_extension("interfaces.json");
    let edited = original.replace(".max(kilometres)", ".max(kilometres * 2.0)");
    ensure!(edited != original, "{SOURCE} has changed");
    let [worker_off, worker_on] = ["--//rules/bazel:worker=false", "--//rules/bazel:worker"];
    for (worker, incremental) in [(worker_off, "false"), (worker_on, "false"), (worker_on, "true")] {
        clone.remove_outputs()?;
        let incremental = format!("--//rules/bazel:incremental={incremental}");
        // What Bazel runs for `source`, and what the program prints then.
        let build = |interfaces: &str, source: &str| -> Result<(Vec<String>, String)> {
            fs::write(clone.root.join(SOURCE), source)?;
            let flags = [worker, interfaces, &incremental, &format!("--execution_log_json_file={}", log.display())];
            succeed(&mut clone.build_command(&flags, &[PROGRAM]))?;
            let mut ran: Vec<_> = execution_log::read(&log)?.into_iter().map(|spawn| spawn.mnemonic).collect();
            ran.retain(|mnemonic| mnemonic.starts_with("Splitlink"));
            ran.sort();
            let program = clone.bin(&flags[..3])?.join("examples/dynamic_dev/dynamic_dev");
            Ok((ran, String::from_utf8(succeed(&mut Command::new(program))?.stdout)?))
        };
        let (_, before) = build("--//rules/bazel:interfaces", &original)?;
        let (ran, after) = build("--//rules/bazel:interfaces", &edited)?;
        ensure!(ran == ["SplitlinkCodegen", "SplitlinkLink", "SplitlinkMetadata"], "{worker}: {ran:?}");
        ensure!(before != after, "{worker}: the program prints what it did before: {before}");
        // A library that is not first-party has none.
        let third_party = "--//rules/bazel:first_party=//...,-//examples/dynamic_dev:journey";
        if worker == worker_off {
            clone.remove_outputs()?;
            let with = |source: &str| -> Result<Vec<String>> {
                fs::write(clone.root.join(SOURCE), source)?;
                let flags = [worker, "--//rules/bazel:interfaces", third_party, &format!("--execution_log_json_file={}", log.display())];
                succeed(&mut clone.build_command(&flags, &[PROGRAM]))?;
                Ok(execution_log::read(&log)?
                    .into_iter()
                    .map(|spawn| spawn.mnemonic)
                    .filter(|name| name.starts_with("Splitlink"))
                    .collect())
            };
            with(&original)?;
            let ran = with(&edited)?;
            ensure!(ran.len() > 3, "{third_party}: {ran:?}");
        }
        // The same edit without interfaces, for comparison.
        let (_, plain) = build("--//rules/bazel:interfaces=false", &original)?;
        ensure!(plain == before, "{worker}: {plain} without interfaces");
        let (ran, plain) = build("--//rules/bazel:interfaces=false", &edited)?;
        ensure!(ran.len() > 3 && plain == after, "{worker}: {ran:?}, {plain} without interfaces");
    }
    fs::remove_file(log)?;
    Ok(())
}
