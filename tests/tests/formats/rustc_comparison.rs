//! Dependency formats against rustc: small crate graphs, every form of the inner crates, every
//! linked crate type. rustc builds and links each; splitlink, which compiled each crate once, links
//! from the same forms; both take the same crates in the same forms, or refuse for the same reason.
//! What is linked really is run.
//!
//! `cargo test` runs an even selection; `SPLITLINK_ALL_FORMATS=1 cargo test -p splitlink-tests
//! --test formats rustc_comparison` runs every case of [`splitlink_tests::formats_graph::case`], 16
//! 245 with each toolchain, which takes about an hour on 2 cores.

use anyhow::{Result, ensure};
use splitlink_tests::formats_graph::case::{self, Case};
use splitlink_tests::formats_graph::lab::Lab;
use splitlink_tests::formats_graph::sweep::{Summary, sweep};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain};
use std::io::Write;
use std::time::Instant;

/// Fewer compared cases than this with the stable toolchain are a failure, as is any difference.
const FEWEST: usize = 500;

fn wants_all() -> bool {
    std::env::var_os("SPLITLINK_ALL_FORMATS").is_some_and(|value| value != "0")
}

/// Compares the cases and says how many there were; libtest hides what passing tests print through
/// `println!`, but not this.
fn compare(toolchain: &'static Toolchain, what: &str, cases: &[Case], links: bool) -> Result<Summary> {
    let start = Instant::now();
    let lab = Lab::new(toolchain, &format!("{}-{what}", toolchain.name), links)?;
    let summary = sweep(&lab, cases)?;
    let _ = writeln!(std::io::stderr(), "formats, {what}, {}: {summary}, in {:.0?}", toolchain.name, start.elapsed());
    let shown: Vec<&str> = summary.differences.iter().map(String::as_str).take(20).collect();
    ensure!(shown.is_empty(), "{} differences, of which the first are:\n{}", summary.differences.len(), shown.join("\n"));
    std::fs::remove_dir_all(&lab.dir)?;
    Ok(summary)
}

#[test]
fn formats_are_rustcs_stable() -> Result<(), Failure> {
    let cases = if wants_all() { case::every() } else { case::selection(48) };
    let summary = compare(Toolchain::stable(), "formats", &cases, false)?;
    ensure(summary.compared >= FEWEST, || format!("only {} cases were compared; {FEWEST} are wanted", summary.compared))
}

#[test]
fn formats_are_rustcs_nightly() -> Result<(), Failure> {
    let Some(nightly) = Toolchain::nightly() else { return Ok(()) };
    let cases = if wants_all() { case::every() } else { case::selection(12) };
    compare(nightly, "formats", &cases, false)?;
    Ok(())
}

#[test]
fn artifacts_are_alike_stable() -> Result<(), Failure> {
    artifacts_are_alike(Toolchain::stable(), if wants_all() { 60 } else { 3 })
}

#[test]
fn artifacts_are_alike_nightly() -> Result<(), Failure> {
    Toolchain::nightly().map_or(Ok(()), |nightly| artifacts_are_alike(nightly, if wants_all() { 60 } else { 1 }))
}

/// Links `count` programs of each graph really, on both sides, and runs them; and about as many
/// libraries, of which the loader is told the same.
fn artifacts_are_alike(toolchain: &'static Toolchain, count: usize) -> Result<(), Failure> {
    let libraries = ["cdylib", "dylib", "proc-macro"].iter().flat_map(|crate_type| case::linkable(crate_type, count.div_ceil(4)));
    let cases: Vec<Case> = case::linkable("bin", count).into_iter().chain(libraries).collect();
    let summary = compare(toolchain, "artifacts", &cases, true)?;
    let enough = case::SHAPES.len() * count.min(6) * 3 / 4;
    ensure(summary.run >= enough, || format!("only {} programs were run; {enough} are wanted", summary.run))
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(anyhow::anyhow!(message()).into()) }
}
