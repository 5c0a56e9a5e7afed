//! How long clean builds of published programs take: `dev/bench real_programs [ROUNDS [PROGRAM [fastbuild|opt]]]`.
//!
//! Cargo, rules_rust, rules_rust with pipelining, splitlink and splitlink with its worker build the same sources in turn. What Bazel has to do but once on a
//! machine is done before the clock starts: repositories, the splitlink tool, loading and analysis. Every crate of the program is then
//! compiled, host crates and build scripts included, because each build gives rustc a `-Cmetadata` of its own; tools are not.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use splitlink_tests::measure::time;
use splitlink_tests::real_programs::{
    PROGRAMS, Program, Rules, Tool, Workspace, cache,
    cargo_build::{self, Profile},
};

const USAGE: &str = "usage: bench_real_programs [ROUNDS [PROGRAM [fastbuild|opt]]]";

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let rounds = args.next().map_or(Ok(5), |n| n.parse()).context(USAGE)?;
    let bin = args.next().unwrap_or_else(|| "rg".to_owned());
    let program = PROGRAMS.iter().find(|program| program.bin == bin).with_context(|| format!("no program `{bin}`; {USAGE}"))?;
    // As published: ripgrep's PCRE2 is off, and so is the time that a C compiler takes.
    let program = Program { features: &[], ..*program };
    let profile = match args.next().as_deref() {
        None | Some("opt") => Profile::Release,
        Some("fastbuild") => Profile::Dev,
        Some(mode) => bail!("no compilation mode `{mode}`; {USAGE}"),
    };
    ensure!(rounds > 0, "one round at least; {USAGE}");
    Bench::new(program, profile)?.run(rounds)
}

/// One way of building the program.
struct Contestant {
    name: &'static str,
    /// None: Cargo.
    rules: Option<Rules>,
    pipelined: bool,
    worker: bool,
}

const CONTESTANTS: [Contestant; 5] = [
    Contestant { name: "Cargo", rules: None, pipelined: true, worker: false },
    Contestant { name: "rules_rust", rules: Some(Rules::RulesRust), pipelined: false, worker: false },
    Contestant { name: "rules_rust, pipelined", rules: Some(Rules::RulesRust), pipelined: true, worker: false },
    Contestant { name: "splitlink", rules: Some(Rules::Splitlink), pipelined: false, worker: false },
    Contestant { name: "splitlink, worker", rules: Some(Rules::Splitlink), pipelined: false, worker: true },
];

/// What one build took.
#[derive(Clone, Copy)]
struct Taken {
    wall: Duration,
    /// What Bazel says of it.
    critical_path: Option<Duration>,
}

struct Bench {
    program: Program,
    profile: Profile,
    workspace: Workspace,
    crates: usize,
}

impl Bench {
    fn new(program: Program, profile: Profile) -> Result<Self> {
        eprintln!("building the splitlink tool …");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests are in the repository")?;
        let target_dir = cache()?.join("bench-target");
        time(
            Command::new("cargo")
                .args(["build", "--release", "--locked", "-p", "splitlink", "--target-dir"])
                .arg(&target_dir)
                .current_dir(root),
        )?;
        let workspace =
            Workspace::generate(&format!("bench-{}", program.package), &[program], Tool::Prebuilt(&target_dir.join("release/splitlink")))?;
        let crates = cargo_build::crates(&workspace, &program)?.len();
        Ok(Self { program, profile, workspace, crates })
    }

    fn run(&self, rounds: usize) -> Result<()> {
        let mut taken = vec![Vec::new(); CONTESTANTS.len()];
        // The first round warms the file cache and Bazel up, and does not count.
        for round in 0..=rounds {
            for (contestant, taken) in CONTESTANTS.iter().zip(&mut taken) {
                let this = match contestant.rules {
                    None => self.cargo()?,
                    Some(rules) => self.bazel(rules, contestant)?,
                };
                eprintln!("round {round} of {rounds}: {:22} {}", contestant.name, show(this));
                if round > 0 {
                    taken.push(this);
                }
            }
        }
        let mode = self.bazel_mode();
        let Program { package, version, .. } = self.program;
        println!("{package} {version}, {} crates, {mode}, medians of {rounds} clean builds", self.crates);
        for (contestant, taken) in CONTESTANTS.iter().zip(&taken) {
            println!("  {:22} {}", contestant.name, show(medians(taken)));
        }
        let last = medians(&taken[CONTESTANTS.len() - 1]);
        for (contestant, taken) in CONTESTANTS.iter().zip(&taken).take(CONTESTANTS.len() - 1) {
            let other = medians(taken);
            print!("  {} / {:22} wall {:.3}", CONTESTANTS[CONTESTANTS.len() - 1].name, contestant.name, ratio(last.wall, other.wall));
            match last.critical_path.zip(other.critical_path) {
                Some((ours, theirs)) => println!("   critical path {:.3}", ratio(ours, theirs)),
                None => println!(),
            }
        }
        Ok(())
    }

    fn cargo(&self) -> Result<Taken> {
        let target_dir = cache()?.join("real_programs/bench-cargo-target");
        if target_dir.exists() {
            fs::remove_dir_all(&target_dir)?;
        }
        let mut command = cargo_build::command(&self.workspace, &self.program, self.profile, &target_dir);
        // What rules_rust gives rustc in `fastbuild`.
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        Ok(Taken { wall: time(&mut command)?, critical_path: None })
    }

    fn bazel(&self, rules: Rules, contestant: &Contestant) -> Result<Taken> {
        self.workspace.begin_round(&unique().to_string())?;
        let flags = [
            format!("--compilation_mode={}", self.bazel_mode()),
            // As Cargo: build scripts and proc macros are not optimised.
            "--host_compilation_mode=fastbuild".to_owned(),
            format!("--@rules_rust//rust/settings:pipelined_compilation={}", contestant.pipelined),
            format!("--@splitlink//rules/bazel:worker={}", contestant.worker),
            "--color=no".to_owned(),
            "--noshow_progress".to_owned(),
        ];
        let build = || {
            let mut command = self.workspace.bazel();
            command.arg("build").args(&flags).arg(self.program.label(rules));
            command
        };
        time(build().arg("--nobuild"))?;
        let start = Instant::now();
        let output = build().output()?;
        let wall = start.elapsed();
        let says = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "Bazel cannot build {}:\n{says}", self.program.label(rules));
        let actions: usize = [" linux-sandbox", " worker"].iter().filter_map(|kind| number_before(&says, kind)).sum();
        ensure!(actions > self.crates, "Bazel ran {actions} actions for {} crates: that was no clean build\n{says}", self.crates);
        let critical_path = number_after(&says, "Critical Path: ").context("Bazel names no critical path")?;
        Ok(Taken { wall, critical_path: Some(Duration::from_secs_f64(critical_path)) })
    }

    fn bazel_mode(&self) -> &'static str {
        match self.profile {
            Profile::Dev => "fastbuild",
            Profile::Release => "opt",
        }
    }
}

/// A number that no build before had.
fn unique() -> u128 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())
}

fn number_after(text: &str, before: &str) -> Option<f64> {
    let rest = &text[text.find(before)? + before.len()..];
    rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '.')?].parse().ok()
}

fn number_before(text: &str, after: &str) -> Option<usize> {
    text[..text.find(after)?].rsplit(' ').next()?.parse().ok()
}

fn medians(taken: &[Taken]) -> Taken {
    let median = |mut durations: Vec<Duration>| {
        durations.sort();
        durations.get(durations.len() / 2).copied()
    };
    Taken {
        wall: median(taken.iter().map(|t| t.wall).collect()).unwrap_or_default(),
        critical_path: median(taken.iter().filter_map(|t| t.critical_path).collect()),
    }
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn show(taken: Taken) -> String {
    let wall = format!("{:7.2} s", taken.wall.as_secs_f64());
    match taken.critical_path {
        Some(path) => format!("{wall}   critical path {:7.2} s", path.as_secs_f64()),
        None => wall,
    }
}
