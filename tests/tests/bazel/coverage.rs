//! `bazel coverage`: what the split builds is instrumented, links with rustc's profiler, passes,
//! and writes a profile.

use std::process::Command;

use anyhow::{Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::rustc_fixture::elf;

/// What rules_rust adds by itself where the Rust toolchain has LLVM's tools; those make the report,
/// and not every toolchain has them.
const INSTRUMENTED: &str = "--@rules_rust//rust/settings:extra_rustc_flag=-Cinstrument-coverage";

#[test]
fn coverage_builds_and_runs() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let output = clone.command("coverage", &["--test_output=errors", INSTRUMENTED], &["//examples/hello:greeting_test"]).output()?;
    let says = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && says.contains("1 test passes"), "{says}");

    let program = clone.bin(&[])?.join("examples/hello/greeting_test");
    let facts = elf::describe(&program)?;
    ensure!(facts.iter().any(|fact| fact.starts_with("section __llvm_prf_cnts ")), "nothing counts what runs: {facts:#?}");
    let profile = clone.root.join("profile");
    let output = Command::new(&program).env("LLVM_PROFILE_FILE", &profile).output()?;
    ensure!(output.status.success() && profile.metadata()?.len() > 0, "{output:?}");
    Ok(())
}
