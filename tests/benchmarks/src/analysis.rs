//! What it costs Bazel to analyse a large program: `dev/bench analysis`.
//!
//! A program over many libraries, each with a few dependencies, is analysed with rules_rust's
//! `rust_binary` and with ours in turn, by a new server each time that has analysed a small program
//! before. Nothing is built.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use splitlink_tests::kills::Random;
use splitlink_tests::real_programs::{Tool, Workspace, cache};

use crate::machine::Machine;
use crate::measure::time;

pub const USAGE: &str = "usage: dev/bench analysis [ROUNDS [LIBRARIES]]";

/// How many libraries the program itself depends on.
const DIRECT: usize = 300;

/// How far back a library's dependencies are at most.
const REACH: usize = 400;

/// What an analysis took.
#[derive(Clone, Copy)]
struct Taken {
    wall: Duration,
    /// Of the server, in seconds.
    processor: f64,
    /// Megabytes in use after it, without garbage.
    heap: f64,
}

pub fn bench(args: &[String]) -> Result<()> {
    let number = |at: usize, default| args.get(at).map_or(Ok(default), |n| n.parse::<usize>()).context(USAGE);
    let (rounds, libraries) = (number(0, 3)?, number(1, 2000)?);
    if rounds == 0 || libraries < DIRECT {
        bail!("one round at least, and {DIRECT} libraries; {USAGE}");
    }
    let machine = Machine::now()?;
    let workspace = workspace(libraries)?;
    let contestants = ["rules_rust", "splitlink"];
    let mut taken = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        for (name, taken) in contestants.iter().zip(&mut taken) {
            let this = analyse(&workspace, name)?;
            eprintln!("round {round} of {rounds}: {name:10} {}", show(this));
            taken.push(this);
        }
    }
    println!("analysis of a program over {libraries} libraries, medians of {rounds}");
    println!("  {machine}");
    let [theirs, ours] = taken.map(medians);
    for (name, taken) in contestants.iter().zip([theirs, ours]) {
        println!("  {name:10} {}", show(taken));
    }
    let wall = ours.wall.as_secs_f64() / theirs.wall.as_secs_f64();
    println!("  ratio      {wall:9.2}   {:17.2}   {:9.2}", ours.processor / theirs.processor, ours.heap / theirs.heap);
    Ok(())
}

fn workspace(libraries: usize) -> Result<Workspace> {
    let root = cache()?.join("analysis");
    fs::create_dir_all(&root)?;
    // Nobody runs it.
    let tool = root.join("no-tool");
    fs::write(&tool, "")?;
    let workspace = Workspace { root };
    workspace.write_module(Tool::Prebuilt(&tool))?;
    let mut build = String::from(
        "load(\"@rules_rust//rust:defs.bzl\", \"rust_library\", rules_rust_binary = \"rust_binary\")\n\
         load(\"@splitlink//rules/bazel:defs.bzl\", splitlink_binary = \"rust_binary\")\n",
    );
    let mut random = Random::new(5);
    for library in 0..libraries {
        let mut deps: Vec<_> = (0..if library > 3 { 3 } else { 0 }).map(|_| library - 1 - random.below(library.min(REACH))).collect();
        deps.sort_unstable();
        deps.dedup();
        let deps: Vec<_> = deps.iter().map(|dep| format!("\":l{dep}\"")).collect();
        writeln!(build, "rust_library(name = \"l{library}\", srcs = [\"l.rs\"], crate_root = \"l.rs\", deps = [{}])", deps.join(", "))?;
    }
    let direct: Vec<_> = (libraries - DIRECT..libraries).map(|dep| format!("\":l{dep}\"")).collect();
    for rules in ["rules_rust", "splitlink"] {
        for (name, deps) in [("small", "\":l0\""), ("large", &direct.join(", "))] {
            writeln!(build, "{rules}_binary(name = \"{rules}_{name}\", srcs = [\"main.rs\"], edition = \"2021\", deps = [{deps}])")?;
        }
    }
    let package = workspace.root.join("program");
    fs::create_dir_all(&package)?;
    fs::write(package.join("BUILD.bazel"), build)?;
    fs::write(package.join("l.rs"), "")?;
    fs::write(package.join("main.rs"), "fn main() {}\n")?;
    Ok(workspace)
}

fn analyse(workspace: &Workspace, rules: &str) -> Result<Taken> {
    let bazel = |args: &[&str]| time(workspace.bazel().args(args));
    let info = |what: &str| -> Result<String> {
        let output = workspace.bazel().args(["info", what]).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    bazel(&["shutdown"])?;
    bazel(&["build", "--nobuild", &format!("//program:{rules}_small")])?;
    let server: u32 = info("server_pid")?.parse().context("Bazel names no server")?;
    let before = processor_time(server)?;
    let start = Instant::now();
    bazel(&["build", "--nobuild", &format!("//program:{rules}_large")])?;
    let (wall, processor) = (start.elapsed(), processor_time(server)? - before);
    let heap = info("used-heap-size-after-gc")?;
    let heap = heap.strip_suffix("MB").and_then(|heap| heap.parse().ok()).with_context(|| format!("Bazel's heap is `{heap}`"))?;
    bazel(&["shutdown"])?;
    Ok(Taken { wall, processor, heap })
}

/// The processor time that a process has taken, in seconds.
fn processor_time(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("Bazel's server is gone")?;
    let (_, fields) = stat.rsplit_once(") ").context("the system says nothing of Bazel's server")?;
    // `utime` and `stime` of proc(5), in hundredths of a second on Linux.
    Ok(fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

fn medians(taken: Vec<Taken>) -> Taken {
    let median = |of: fn(&Taken) -> f64| {
        let mut all: Vec<f64> = taken.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Taken {
        wall: Duration::from_secs_f64(median(|taken| taken.wall.as_secs_f64())),
        processor: median(|taken| taken.processor),
        heap: median(|taken| taken.heap),
    }
}

fn show(taken: Taken) -> String {
    format!("{:7.2} s   processor {:5.1} s   heap {:4.0} MB", taken.wall.as_secs_f64(), taken.processor, taken.heap)
}
