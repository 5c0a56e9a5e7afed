//! `tests/benchmarks/simulate_schedules.py show`, on a build that is small enough to be scheduled
//! by hand.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use splitlink_tests::rustc_fixture::tools::{empty_folder, repository, skip, succeed};

#[test]
fn two_libraries_and_a_program() -> Result<()> {
    if Command::new("python3").arg("--version").output().is_err() {
        skip("no python3 here: tests/benchmarks/simulate_schedules.py is not tested");
        return Ok(());
    }
    let folder = empty_folder("simulated_schedules")?;
    let action = |phase: &str, output: &str, seconds: u32, inputs: &[&str]| json!({"phase": phase, "outputs": [output], "seconds": seconds, "inputs": inputs});
    let build = json!({"name": "small", "actions": [
        action("metadata", "liba.rmeta", 2, &[]),
        action("codegen", "liba.rlib", 5, &["liba.rmeta"]),
        action("metadata", "libb.rmeta", 3, &["liba.rmeta"]),
        action("codegen", "libb.rlib", 4, &["libb.rmeta", "liba.rmeta"]),
        action("no-link", "plan.json", 6, &["liba.rmeta", "libb.rmeta"]),
        action("link", "program", 1, &["plan.json", "liba.rlib", "libb.rlib"]),
    ]});
    let (recorded, svg) = (folder.join("small.json"), folder.join("small.svg"));
    fs::write(&recorded, build.to_string())?;
    let output = succeed(
        Command::new(repository().join("tests/benchmarks/simulate_schedules.py")).args(["show", "--svg"]).arg(&svg).arg(&recorded),
    )?;
    let said = String::from_utf8(output.stdout)?;
    // Two processors, and as many as it takes.
    for (model, two, unlimited) in [
        // a, then b, then the program: 5 + 4 + 7.
        ("rules_rust", "16.0", "16.0"),
        // b's metadata is there at 5 and its code, which needs a's metadata alone, at 6; with two
        // processors a's code holds that up till 9.
        ("rules_rust pipelined", "16.0", "13.0"),
        // b starts at 2 and ends at 6.
        ("Cargo", "13.0", "13.0"),
        // The plan is made from 5 to 11; with two processors b's code comes first, and the plan
        // waits for a's code until 7.
        ("splitlink", "14.0", "12.0"),
        // Each library's code takes what is left: 3 and 1.
        ("splitlink, worker", "12.0", "12.0"),
    ] {
        let row =
            said.lines().find(|line| line.starts_with(&format!("| {model} |"))).with_context(|| format!("no row of {model}:\n{said}"))?;
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        ensure!((cells[2], cells[6]) == (two, unlimited), "{model}: {cells:?}");
    }
    let ratios = said.lines().filter(|line| line.starts_with("| splitlink, worker |")).nth(1).context("no ratios")?;
    ensure!(ratios.contains("| 0.92 |"), "12 / 13 is not in `{ratios}`");
    ensure!(said.contains("Made by `tests/benchmarks/simulate_schedules.py show --svg"), "{said}");
    let svg = fs::read_to_string(svg)?;
    ensure!(svg.contains("prefers-color-scheme:dark") && svg.contains("splitlink, worker: 0.92") && svg.contains("small"), "{svg}");
    Ok(())
}
