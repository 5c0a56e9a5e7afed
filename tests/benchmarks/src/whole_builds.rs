//! What the benchmarks of whole builds share: who takes part, how each builds, and how the times
//! are shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::machine::Machine;
use crate::measure::{median, time};
use splitlink_tests::real_programs::cargo_build::{self, Profile};
use splitlink_tests::real_programs::{MEASURED, Program, RIPGREP, Rules, Tool, Workspace, cache};
use splitlink_tests::rustc_fixture::tools::repository;

/// One way of building a program.
#[derive(Debug)]
pub struct Contestant {
    /// What it is called.
    pub name: &'static str,
    /// None: Cargo.
    pub rules: Option<Rules>,
    /// Whether rules_rust pipelines.
    pub pipelined: bool,
    /// Whether splitlink has its worker.
    pub worker: bool,
}

/// All of them. The last one is compared with each of the others.
pub const CONTESTANTS: [Contestant; 5] = [
    Contestant { name: "Cargo", rules: None, pipelined: true, worker: false },
    Contestant { name: "rules_rust", rules: Some(Rules::RulesRust), pipelined: false, worker: false },
    Contestant { name: "rules_rust, pipelined", rules: Some(Rules::RulesRust), pipelined: true, worker: false },
    Contestant { name: "splitlink", rules: Some(Rules::Splitlink), pipelined: false, worker: false },
    Contestant { name: "splitlink, worker", rules: Some(Rules::Splitlink), pipelined: false, worker: true },
];

/// What one build took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// From its start to its end.
    pub wall: Duration,
    /// What Bazel says of it.
    pub critical_path: Option<Duration>,
}

/// A program to build, and where.
#[derive(Debug)]
pub struct Bench {
    /// The program.
    pub program: Program,
    /// How it is optimised.
    pub profile: Profile,
    /// Its sources, with BUILD files.
    pub workspace: Workspace,
    /// Of how many crates it is made.
    pub crates: usize,
}

impl Bench {
    /// Reads `[ROUNDS [PROGRAM [fastbuild|opt]]]` from the command line and makes what that asks
    /// for: the number of rounds and the program.
    ///
    /// # Errors
    /// That the command line is another than `usage` says; that the workspace or the tool cannot be
    /// made.
    pub fn from_args(args: &[String], default_rounds: usize, usage: &str) -> Result<(usize, Self)> {
        let mut args = args.iter().cloned();
        let rounds = args.next().map_or(Ok(default_rounds), |n| n.parse()).with_context(|| usage.to_owned())?;
        let bin = args.next().unwrap_or_else(|| "rg".to_owned());
        let program = MEASURED.iter().find(|program| program.bin == bin).with_context(|| format!("no program `{bin}`; {usage}"))?;
        let profile = match args.next().as_deref() {
            None | Some("opt") => Profile::Release,
            Some("fastbuild") => Profile::Dev,
            Some(mode) => bail!("no compilation mode `{mode}`; {usage}"),
        };
        ensure!(rounds > 0, "one round at least; {usage}");
        Ok((rounds, Self::new(as_published(*program), profile)?))
    }

    /// Makes the workspace and the tool.
    ///
    /// # Errors
    /// If one of them cannot be made.
    pub fn new(program: Program, profile: Profile) -> Result<Self> {
        eprintln!("building the splitlink tool …");
        let root = repository();
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

    /// A folder for what Cargo builds, empty.
    ///
    /// # Errors
    /// If it cannot be emptied.
    pub fn empty_cargo_target(&self) -> Result<PathBuf> {
        let target_dir = cache()?.join("real_programs/bench-cargo-target");
        if target_dir.exists() {
            fs::remove_dir_all(&target_dir)?;
        }
        Ok(target_dir)
    }

    /// Cargo's command, with what rules_rust gives rustc in `fastbuild`.
    pub fn cargo(&self, target_dir: &Path) -> Command {
        let mut command = cargo_build::command(&self.workspace, &self.program, self.profile, target_dir);
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }

    /// Bazel's flags for a contestant.
    pub fn flags(&self, contestant: &Contestant) -> Vec<String> {
        vec![
            format!("--compilation_mode={}", self.bazel_mode()),
            // As Cargo: build scripts and proc macros are not optimised.
            "--host_compilation_mode=fastbuild".to_owned(),
            // As Bazel's documentation advises: it keeps the inodes of thousands of symlinks off
            // the disk, for every contestant.
            "--sandbox_base=/dev/shm".to_owned(),
            format!("--@rules_rust//rust/settings:pipelined_compilation={}", contestant.pipelined),
            format!("--@splitlink//rules/bazel:worker={}", contestant.worker),
            "--color=no".to_owned(),
            "--noshow_progress".to_owned(),
        ]
    }

    /// Has Bazel load and analyse what it will build.
    ///
    /// # Errors
    /// If it fails.
    pub fn analyse(&self, rules: Rules, flags: &[String]) -> Result<()> {
        time(self.bazel(rules, flags).arg("--nobuild")).map(drop)
    }

    /// Builds with Bazel, and says what that took and how many actions ran.
    ///
    /// # Errors
    /// If it fails.
    pub fn build(&self, rules: Rules, flags: &[String]) -> Result<(Taken, usize)> {
        let (wall, says) = self.build_saying(rules, flags)?;
        let actions = actions(&says);
        let critical_path = number_after(&says, "Critical Path: ").context("Bazel names no critical path")?;
        Ok((Taken { wall, critical_path: Some(Duration::from_secs_f64(critical_path)) }, actions))
    }

    /// Builds with Bazel, and gives the time and what Bazel says.
    ///
    /// # Errors
    /// If it fails.
    pub fn build_saying(&self, rules: Rules, flags: &[String]) -> Result<(Duration, String)> {
        let start = Instant::now();
        let output = self.bazel(rules, flags).output()?;
        let wall = start.elapsed();
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "Bazel cannot build {}:\n{says}", self.program.label(rules));
        Ok((wall, says))
    }

    fn bazel(&self, rules: Rules, flags: &[String]) -> Command {
        let mut command = self.workspace.bazel();
        command.arg("build").args(flags).arg(self.program.label(rules));
        command
    }

    /// Where Bazel puts the program.
    pub fn executable(&self, rules: Rules) -> PathBuf {
        let label = self.program.label(rules);
        self.workspace.root.join("bazel-bin").join(label.trim_start_matches('/').replace(':', "/"))
    }

    /// Bazel's name of the profile.
    pub fn bazel_mode(&self) -> &'static str {
        match self.profile {
            Profile::Dev => "fastbuild",
            Profile::Release => "opt",
        }
    }
}

/// Has all contestants `build` in turn, `rounds` times after one that warms up and does not count,
/// and shows medians, how far rounds lie apart, and ratios under `title`, with the machine's state.
///
/// # Errors
/// The first failure.
pub fn in_turn(title: &str, rounds: usize, mut build: impl FnMut(&Contestant) -> Result<Vec<Taken>>) -> Result<()> {
    let machine = Machine::now()?;
    let mut taken = vec![Vec::new(); CONTESTANTS.len()];
    for round in 0..=rounds {
        for (contestant, taken) in CONTESTANTS.iter().zip(&mut taken) {
            let these = build(contestant)?;
            for this in &these {
                eprintln!("round {round} of {rounds}: {:22} {}", contestant.name, show(*this));
            }
            if round > 0 {
                taken.extend(these);
            }
        }
    }
    println!("{title}");
    println!("  {machine}");
    for (contestant, taken) in CONTESTANTS.iter().zip(&taken) {
        println!("  {:22} {}   {}", contestant.name, show(medians(taken)), spread(taken));
    }
    let last = CONTESTANTS.len() - 1;
    let ours = medians(&taken[last]);
    for (contestant, taken) in CONTESTANTS.iter().zip(&taken).take(last) {
        let other = medians(taken);
        print!("  {} / {:22} wall {:.3}", CONTESTANTS[last].name, contestant.name, ratio(ours.wall, other.wall));
        match ours.critical_path.zip(other.critical_path) {
            Some((ours, theirs)) => println!("   critical path {:.3}", ratio(ours, theirs)),
            None => println!(),
        }
    }
    Ok(())
}

/// The program as it was published: ripgrep's PCRE2 is off, and so is the time that a C compiler
/// takes.
pub fn as_published(program: Program) -> Program {
    if program.bin == RIPGREP.bin { Program { features: &[], ..program } } else { program }
}

/// A number that no build before had.
pub fn unique() -> u128 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())
}

/// How many actions a build ran, from what Bazel says of it.
pub fn actions(says: &str) -> usize {
    [" linux-sandbox", " worker"].iter().map(|kind| actions_of(says, kind)).sum()
}

/// How many actions were of a kind, by what Bazel says: ` worker`, say.
pub fn actions_of(says: &str, kind: &str) -> usize {
    [",", "."].iter().find_map(|end| number_before(says, &format!("{kind}{end}"))).unwrap_or(0)
}

fn number_after(text: &str, before: &str) -> Option<f64> {
    let rest = &text[text.find(before)? + before.len()..];
    rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '.')?].parse().ok()
}

fn number_before(text: &str, after: &str) -> Option<usize> {
    text[..text.find(after)?].rsplit(' ').next()?.parse().ok()
}

fn medians(taken: &[Taken]) -> Taken {
    let paths: Vec<_> = taken.iter().filter_map(|taken| taken.critical_path).collect();
    Taken { wall: median(taken.iter().map(|taken| taken.wall).collect()), critical_path: (!paths.is_empty()).then(|| median(paths)) }
}

/// The shortest and the longest.
fn spread(taken: &[Taken]) -> String {
    let seconds = |wall: Option<Duration>| wall.unwrap_or_default().as_secs_f64();
    let walls = || taken.iter().map(|taken| taken.wall);
    format!("({:.2} to {:.2} s)", seconds(walls().min()), seconds(walls().max()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bazel_says() {
        let says = "INFO: Elapsed time: 9.1s, Critical Path: 4.25s\nINFO: 12 processes: 3 internal, 5 linux-sandbox, 4 worker.\n";
        assert_eq!(number_after(says, "Critical Path: "), Some(4.25));
        assert_eq!((actions_of(says, " linux-sandbox"), actions_of(says, " worker"), actions(says)), (5, 4, 9));
        assert_eq!(actions("INFO: 1 process: 1 internal."), 0);
        let remote = "INFO: 31 processes: 7 remote cache hit, 4 internal, 20 remote.\n";
        assert_eq!((actions_of(remote, " remote cache hit"), actions_of(remote, " remote")), (7, 20));
    }
}
