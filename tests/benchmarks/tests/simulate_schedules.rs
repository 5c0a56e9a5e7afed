//! `tests/benchmarks/simulate_schedules.py`, on builds and links that are small enough to be scheduled
//! by hand.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use splitlink_tests::rustc_fixture::tools::{empty_folder, repository, skip, succeed};

/// What the program prints of `recorded` and draws, by `subcommand`, in the folder `folder` of the
/// workplace; None without Python.
fn simulated(subcommand: &str, recorded: &serde_json::Value, folder: &str) -> Result<Option<(String, String)>> {
    if Command::new("python3").arg("--version").output().is_err() {
        skip("no python3 here: tests/benchmarks/simulate_schedules.py is not tested");
        return Ok(None);
    }
    let folder = empty_folder(folder)?;
    let (file, svg) = (folder.join("small.json"), folder.join("small.svg"));
    fs::write(&file, recorded.to_string())?;
    let program = repository().join("tests/benchmarks/simulate_schedules.py");
    let output = succeed(Command::new(program).args([subcommand, "--svg"]).arg(&svg).arg(&file))?;
    Ok(Some((String::from_utf8(output.stdout)?, fs::read_to_string(svg)?)))
}

/// The cells of the row that `name` begins.
fn row(said: &str, name: &str) -> Result<Vec<String>> {
    let row = said.lines().find(|line| line.starts_with(&format!("| {name} |"))).with_context(|| format!("no row of {name}:\n{said}"))?;
    Ok(row.split('|').map(|cell| cell.trim().to_owned()).collect())
}

#[test]
fn two_libraries_and_a_program() -> Result<()> {
    let action = |phase: &str, output: &str, seconds: u32, inputs: &[&str]| json!({"phase": phase, "outputs": [output], "seconds": seconds, "inputs": inputs});
    let build = json!({"name": "small", "actions": [
        action("metadata", "liba.rmeta", 2, &[]),
        action("codegen", "liba.rlib", 5, &["liba.rmeta"]),
        action("metadata", "libb.rmeta", 3, &["liba.rmeta"]),
        action("codegen", "libb.rlib", 4, &["libb.rmeta", "liba.rmeta"]),
        action("no-link", "plan.json", 6, &["liba.rmeta", "libb.rmeta"]),
        action("link", "program", 1, &["plan.json", "liba.rlib", "libb.rlib"]),
    ]});
    let Some((said, svg)) = simulated("show", &build, "simulated_builds")? else { return Ok(()) };
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
        let cells = row(&said, model)?;
        ensure!((&*cells[2], &*cells[6]) == (two, unlimited), "{model}: {cells:?}");
    }
    let ratios = said.lines().filter(|line| line.starts_with("| splitlink, worker |")).nth(1).context("no ratios")?;
    ensure!(ratios.contains("| 0.92 |"), "12 / 13 is not in `{ratios}`");
    ensure!(said.contains("Made by `tests/benchmarks/simulate_schedules.py show --svg"), "{said}");
    ensure!(svg.contains("prefers-color-scheme:dark") && svg.contains("splitlink, worker: 0.92") && svg.contains("small"), "{svg}");
    Ok(())
}

#[test]
fn distributed_thin_lto() -> Result<()> {
    let link = json!({
        "name": "small",
        "from nothing": {"thin_link": 2, "back_ends": [3, 1, 6], "link": 1, "in_one_action": 10},
        "after a change": {"thin_link": 2, "back_ends": [], "link": 1, "in_one_action": 10},
    });
    let Some((said, svg)) = simulated("lto", &link, "simulated_links")? else { return Ok(()) };
    // One at a time, then two: the longest starts when the second ends, at 3, and ends at 9.
    ensure!(row(&said, "small, from nothing")?[2..5] == ["1.30", "1.00", "0.90"], "{said}");
    ensure!(row(&said, "small, after a change")?[2..5] == ["0.30", "0.30", "0.30"], "{said}");
    ensure!(svg.contains("small, from nothing: 0.90") && svg.contains("8 at a time"), "{svg}");
    Ok(())
}
