//! How long clean builds of published programs take: `dev/bench real_programs [ROUNDS [PROGRAM
//! [fastbuild|opt]]]`.
//!
//! Cargo, rules_rust, rules_rust with pipelining, splitlink and splitlink with its worker build the
//! same sources in turn. What Bazel has to do but once on a machine is done before the clock
//! starts: repositories, the splitlink tool, loading and analysis. Every crate of the program is
//! then compiled, host crates and build scripts included, because each build gives rustc a
//! `-Cmetadata` of its own; tools are not.
//!
//! `rg`, `hyperfine` and `xh` are the programs; the build script of the last has 44 dependencies.

use crate::machine::MemoryPeak;
use crate::measure::time;
use crate::whole_builds::{Bench, CONTESTANTS, Contestant, Taken, in_turn, unique};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;

pub const USAGE: &str = "usage: dev/bench real_programs [ROUNDS [PROGRAM [fastbuild|opt]]]";

pub fn bench(args: &[String]) -> Result<()> {
    let (rounds, bench) = Bench::from_args(args, 5, USAGE)?;
    let (package, version) = (bench.program.package, bench.program.version);
    let title = format!("{package} {version}, {} crates, {}, medians of {rounds} clean builds", bench.crates, bench.bazel_mode());
    let mut peaks: BTreeMap<&str, u64> = BTreeMap::new();
    in_turn(&title, rounds, |contestant| {
        let (taken, peak) = clean_build(&bench, contestant)?;
        let most = peaks.entry(contestant.name).or_default();
        *most = peak.max(*most);
        Ok(vec![taken])
    })?;
    for contestant in &CONTESTANTS {
        println!("  {:22} peak of memory {:5} MB", contestant.name, peaks[contestant.name] >> 20);
    }
    Ok(())
}

/// What a build takes, and the peak of memory meanwhile.
fn clean_build(bench: &Bench, contestant: &Contestant) -> Result<(Taken, u64)> {
    let Some(rules) = contestant.rules else {
        let target_dir = bench.empty_cargo_target()?;
        let memory = MemoryPeak::watch()?;
        let wall = time(&mut bench.cargo(&target_dir))?;
        return Ok((Taken { wall, critical_path: None }, memory.end()));
    };
    bench.workspace.begin_round(&unique().to_string())?;
    let flags = bench.flags(contestant);
    bench.analyse(rules, &flags)?;
    let memory = MemoryPeak::watch()?;
    let (taken, actions) = bench.build(rules, &flags)?;
    let peak = memory.end();
    ensure!(actions > bench.crates, "Bazel ran {actions} actions for {} crates: that was no clean build", bench.crates);
    Ok((taken, peak))
}
