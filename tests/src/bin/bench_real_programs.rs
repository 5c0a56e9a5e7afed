//! How long clean builds of published programs take: `dev/bench real_programs [ROUNDS [PROGRAM [fastbuild|opt]]]`.
//!
//! Cargo, rules_rust, rules_rust with pipelining, splitlink and splitlink with its worker build the same sources in turn. What Bazel has to do but once on a
//! machine is done before the clock starts: repositories, the splitlink tool, loading and analysis. Every crate of the program is then
//! compiled, host crates and build scripts included, because each build gives rustc a `-Cmetadata` of its own; tools are not.

use anyhow::{Result, ensure};
use splitlink_tests::measure::time;
use splitlink_tests::real_programs::bench::{Bench, Contestant, Taken, in_turn, unique};

fn main() -> Result<()> {
    let (rounds, bench) = Bench::from_args(5, "usage: bench_real_programs [ROUNDS [PROGRAM [fastbuild|opt]]]")?;
    let (package, version) = (bench.program.package, bench.program.version);
    let title = format!("{package} {version}, {} crates, {}, medians of {rounds} clean builds", bench.crates, bench.bazel_mode());
    in_turn(&title, rounds, |contestant| Ok(vec![clean_build(&bench, contestant)?]))
}

fn clean_build(bench: &Bench, contestant: &Contestant) -> Result<Taken> {
    let Some(rules) = contestant.rules else {
        let target_dir = bench.empty_cargo_target()?;
        return Ok(Taken { wall: time(&mut bench.cargo(&target_dir))?, critical_path: None });
    };
    bench.workspace.begin_round(&unique().to_string())?;
    let flags = bench.flags(contestant);
    bench.analyse(rules, &flags)?;
    let (taken, actions) = bench.build(rules, &flags)?;
    ensure!(actions > bench.crates, "Bazel ran {actions} actions for {} crates: that was no clean build", bench.crates);
    Ok(taken)
}
