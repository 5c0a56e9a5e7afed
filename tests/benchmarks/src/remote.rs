//! What a published program's build takes on a cluster: `dev/bench remote [ROUNDS [PROGRAM
//! [fastbuild|opt]]]`.
//!
//! rules_rust and splitlink build the same sources in turn, on the cluster of `dev/cluster`: two
//! workers on this machine. First *cold*: the cluster has none of the inputs, and every crate is
//! compiled. Then *warm*: somebody else with nothing on the disk builds the same, and all actions
//! are in the cluster's cache. Only the program comes back both times. Shown are actions, bytes up
//! and down, and the wall time, analysis left out.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use splitlink_tests::real_programs::Rules;
use splitlink_tests::remote_executor::{Cluster, executor, is_set};
use splitlink_tests::remote_traffic::{self, Traffic};
use splitlink_tests::rustc_fixture::tools::repository;

use crate::machine::Machine;
use crate::measure::median;
use crate::whole_builds::{Bench, CONTESTANTS, Contestant, actions_of, unique};

pub const USAGE: &str = "usage: dev/bench remote [ROUNDS [PROGRAM [fastbuild|opt]]]";

/// One build on the cluster.
#[derive(Debug, Clone, Copy)]
struct Taken {
    wall: Duration,
    /// How many actions ran there.
    ran: usize,
    /// How many came from its cache.
    cached: usize,
    traffic: Traffic,
}

pub fn bench(args: &[String]) -> Result<()> {
    let (rounds, bench) = Bench::from_args(args, 3, USAGE)?;
    let contestants: Vec<&Contestant> = CONTESTANTS.iter().filter(|one| one.rules.is_some() && !one.pipelined && !one.worker).collect();
    if !is_set() {
        // With the cluster there is no internet.
        for contestant in &contestants {
            bench.analyse(rules(contestant)?, &flags(&bench, contestant, ""))?;
        }
        drop(bench);
        let this = std::env::current_exe()?;
        return Err(Command::new(repository().join("dev/cluster")).arg(this).arg("remote").args(args).exec())
            .context("cannot start dev/cluster");
    }
    let executor = executor().context("there is no remote executor")?;
    let cluster = Cluster::of_this_run().context("the remote executor is none of dev/cluster, so its files cannot be removed")?;

    let machine = Machine::now()?;
    let mut is_new = true;
    let mut taken = vec![(Vec::new(), Vec::new()); contestants.len()];
    for round in 0..=rounds {
        for (contestant, (cold, warm)) in contestants.iter().zip(&mut taken) {
            bench.workspace.begin_round(&unique().to_string())?;
            if !std::mem::take(&mut is_new) {
                cluster.forget()?;
            }
            for (name, these) in [("cold", cold), ("warm", warm)] {
                let this = build(&bench, contestant, &executor)?;
                eprintln!("round {round} of {rounds}: {:12} {name} {}", contestant.name, show(this));
                ensure!(this.cached == 0 || name == "warm", "a cold build took {} actions from the cache", this.cached);
                ensure!(this.ran == 0 || name == "cold", "{} actions of a warm build ran again", this.ran);
                if round > 0 {
                    these.push(this);
                }
            }
        }
    }
    let (package, version) = (bench.program.package, bench.program.version);
    println!("{package} {version}, {} crates, {}, on a cluster, medians of {rounds} builds", bench.crates, bench.bazel_mode());
    println!("  {machine}");
    for (contestant, (cold, warm)) in contestants.iter().zip(&taken) {
        for (name, these) in [("cold", cold), ("warm", warm)] {
            println!("  {:12} {name} {}", contestant.name, show(medians(these)));
        }
    }
    Ok(())
}

fn medians(of: &[Taken]) -> Taken {
    let number = |one: fn(&Taken) -> u64| median(of.iter().map(one).collect());
    Taken {
        wall: median(of.iter().map(|one| one.wall).collect()),
        ran: median(of.iter().map(|one| one.ran).collect()),
        cached: median(of.iter().map(|one| one.cached).collect()),
        traffic: Traffic { up: number(|one| one.traffic.up), down: number(|one| one.traffic.down) },
    }
}

fn rules(contestant: &Contestant) -> Result<Rules> {
    contestant.rules.context("Cargo builds on no cluster")
}

fn flags(bench: &Bench, contestant: &Contestant, executor: &str) -> Vec<String> {
    let mut flags = bench.flags(contestant);
    flags.push("--remote_download_outputs=toplevel".to_owned());
    if !executor.is_empty() {
        flags.extend([format!("--remote_executor={executor}"), "--spawn_strategy=remote".to_owned(), "--jobs=8".to_owned()]);
    }
    flags
}

/// Builds with nothing on the disk.
fn build(bench: &Bench, contestant: &Contestant, executor: &str) -> Result<Taken> {
    let (rules, mut flags) = (rules(contestant)?, flags(bench, contestant, executor));
    ensure!(bench.workspace.bazel().arg("clean").output()?.status.success(), "bazel clean failed");
    bench.analyse(rules, &flags)?;
    let log = bench.workspace.root.join("remote_calls.log");
    flags.push(format!("--remote_grpc_log={}", log.display()));
    let (wall, says) = bench.build_saying(rules, &flags)?;
    let [ran, cached] = [" remote", " remote cache hit"].map(|kind| actions_of(&says, kind));
    Ok(Taken { wall, ran, cached, traffic: remote_traffic::read(&log)? })
}

fn show(Taken { wall, ran, cached, traffic: Traffic { up, down } }: Taken) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "{:7.2} s   {ran:4} actions run, {cached:4} from the cache   {:7.1} MB up, {:6.1} MB down",
        wall.as_secs_f64(),
        megabytes(up),
        megabytes(down)
    )
}
