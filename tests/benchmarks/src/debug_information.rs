//! What splitting debug information off brings to the link of a published program:
//! `dev/bench debug_information [ROUNDS [PROGRAM]]`.
//!
//! Compiled with `-c dbg`, with debug information inside and split, and linked by the C++ toolchain's
//! linker and by lld: four ways. Each has an output folder of its own, for another linker links other
//! proc macros, and what uses these is compiled anew. Whose turn it is builds everything before the
//! clock starts, and then builds and runs the program after an edit of its root that changes its code,
//! so that it is linked anew. Shown are the whole time, the link's own, the bytes of its inputs, the
//! sizes of the program and of its package, and how long the packing takes, which is no part of the
//! former.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::appended::Appended;
use crate::machine::Machine;
use crate::measure::{median, time};
use crate::whole_builds::{Bench, as_published, unique};
use anyhow::{Context, Result, ensure};
use splitlink_tests::execution_log::{self, Spawn};
use splitlink_tests::real_programs::cargo_build::Profile;
use splitlink_tests::real_programs::{GITOXIDE, Program, RIPGREP, Rules, XH};

pub const USAGE: &str = "usage: dev/bench debug_information [ROUNDS [gix|rg|xh]]";

/// The programs, each with its root.
const PROGRAMS: [(Program, &str); 3] = [(GITOXIDE, "src/gix.rs"), (RIPGREP, "crates/core/main.rs"), (XH, "src/main.rs")];

/// The linkers. `default` is the C++ toolchain's.
const LINKERS: [&str; 2] = ["default", "lld"];

/// A way of building.
struct Contestant {
    is_split: bool,
    linker: &'static str,
}

impl Contestant {
    fn all() -> Vec<Self> {
        LINKERS.into_iter().flat_map(|linker| [false, true].map(|is_split| Self { is_split, linker })).collect()
    }

    /// Where debug information is.
    fn place(&self) -> &'static str {
        if self.is_split { "split" } else { "inside" }
    }
}

impl std::fmt::Display for Contestant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}, {}", self.linker, self.place()))
    }
}

/// One build after an edit.
#[derive(Debug, Clone, Copy)]
struct Taken {
    /// From its start to the end of the program.
    wall: Duration,
    /// Of the action that links.
    link: Duration,
    /// Of the inputs of that action.
    input_bytes: u64,
    program_bytes: u64,
    /// Of the program's package and the action that makes it, if debug information is split.
    package_bytes: u64,
    packing: Duration,
}

pub fn bench(args: &[String]) -> Result<()> {
    let rounds: usize = args.first().map_or(Ok(3), |n| n.parse()).with_context(|| USAGE.to_owned())?;
    ensure!(rounds > 0, "one round at least; {USAGE}");
    let name = args.get(1).map_or(GITOXIDE.bin, String::as_str);
    let (program, root) = PROGRAMS.into_iter().find(|(program, _)| program.bin == name).with_context(|| USAGE.to_owned())?;
    let machine = Machine::now()?;
    let bench = Bench::new(as_published(program), Profile::Dev)?;
    let place = Place::new(&bench, root)?;
    let contestants = Contestant::all();
    let mut taken = vec![Vec::new(); contestants.len()];
    for round in 0..=rounds {
        for (contestant, taken) in contestants.iter().zip(&mut taken) {
            place.build(contestant, "")?;
            let this = place.build_after_edit(contestant)?;
            eprintln!("round {round} of {rounds}: {contestant:16} {}", show(&this));
            if round > 0 {
                taken.push(this);
            }
        }
    }
    println!("{} {}, {} crates, -c dbg, medians of {rounds} builds after an edit", program.package, program.version, bench.crates);
    println!("  {machine}");
    let medians: Vec<Taken> = taken.iter().map(|taken| medians(taken)).collect();
    for (contestant, this) in contestants.iter().zip(&medians) {
        println!("  {contestant:16} {}", show(this));
    }
    for (contestant, pair) in contestants.chunks(2).map(|pair| &pair[0]).zip(medians.chunks(2)) {
        let ratio = |of: fn(&Taken) -> f64| of(&pair[1]) / of(&pair[0]);
        println!(
            "  {}, split / inside: wall {:.2}, link {:.2}, bytes of its inputs {:.2}, program {:.2}",
            contestant.linker,
            ratio(|taken| taken.wall.as_secs_f64()),
            ratio(|taken| taken.link.as_secs_f64()),
            ratio(|taken| taken.input_bytes as f64),
            ratio(|taken| taken.program_bytes as f64),
        );
    }
    Ok(())
}

fn medians(of: &[Taken]) -> Taken {
    let duration = |one: fn(&Taken) -> Duration| median(of.iter().map(one).collect());
    let number = |one: fn(&Taken) -> u64| median(of.iter().map(one).collect());
    Taken {
        wall: duration(|one| one.wall),
        link: duration(|one| one.link),
        input_bytes: number(|one| one.input_bytes),
        program_bytes: number(|one| one.program_bytes),
        package_bytes: number(|one| one.package_bytes),
        packing: duration(|one| one.packing),
    }
}

fn show(taken: &Taken) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "{:6.2} s, link {:5.2} s   {:6.1} MB of inputs   program {:6.1} MB, package {:6.1} MB in {:5.2} s",
        taken.wall.as_secs_f64(),
        taken.link.as_secs_f64(),
        megabytes(taken.input_bytes),
        megabytes(taken.program_bytes),
        megabytes(taken.package_bytes),
        taken.packing.as_secs_f64()
    )
}

/// The program's root, and what is built.
struct Place<'b> {
    bench: &'b Bench,
    root: Appended,
    log: PathBuf,
}

impl<'b> Place<'b> {
    fn new(bench: &'b Bench, root: &str) -> Result<Self> {
        let root = bench.workspace.root.join(bench.program.package).join(root);
        let root = Appended::to(root, "debug_information")?;
        Ok(Self { bench, root, log: bench.workspace.root.join("debug-information.json") })
    }

    /// Builds the program, or the output group `group` of it; returns the time and what ran.
    fn build(&self, contestant: &Contestant, group: &str) -> Result<(Duration, Vec<Spawn>)> {
        let mut command = self.bench.workspace.bazel();
        command.arg("build").args(["--compilation_mode=dbg", "--host_compilation_mode=fastbuild", "--sandbox_base=/dev/shm"]);
        command.args(["--color=no", "--noshow_progress", &format!("--platform_suffix=debug-{}-{}", contestant.place(), contestant.linker)]);
        command.arg(format!("--@splitlink//rules/bazel:split_debug_info={}", if contestant.is_split { "on" } else { "off" }));
        command.arg(format!("--@splitlink//rules/bazel:linker={}", contestant.linker));
        command.arg(format!("--execution_log_json_file={}", self.log.display()));
        if !group.is_empty() {
            command.arg(format!("--output_groups={group}"));
        }
        let start = Instant::now();
        time(command.arg(self.bench.program.label(Rules::Splitlink)))?;
        let taken = start.elapsed();
        Ok((taken, execution_log::read(&self.log)?))
    }

    fn build_after_edit(&self, contestant: &Contestant) -> Result<Taken> {
        self.root.write(&format!("#[used]\nstatic BENCH: u128 = {};\n", unique()))?;
        let (wall, spawns) = self.build(contestant, "")?;
        let program = self.bench.executable(Rules::Splitlink);
        let wall = wall + time(Command::new(&program).arg("--version"))?;
        let mut kinds: Vec<&str> = spawns.iter().map(|spawn| spawn.mnemonic.as_str()).collect();
        kinds.sort();
        ensure!(kinds == ["SplitlinkLink", "SplitlinkNoLink"], "{contestant} ran {kinds:?} after an edit");
        let link = spawns.iter().find(|spawn| spawn.mnemonic == "SplitlinkLink").context("nothing was linked")?;
        let mut taken = Taken {
            wall,
            link: Duration::from_secs_f64(link.seconds),
            input_bytes: link.input_bytes,
            program_bytes: size(&program)?,
            package_bytes: 0,
            packing: Duration::ZERO,
        };
        if contestant.is_split {
            let (_, spawns) = self.build(contestant, "dwp")?;
            let [packing] = &spawns[..] else { anyhow::bail!("{contestant} ran {} actions to pack", spawns.len()) };
            taken.packing = Duration::from_secs_f64(packing.seconds);
            taken.package_bytes = size(&program.with_added_extension("dwp"))?;
        }
        Ok(taken)
    }
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("there is no `{}`", path.display()))?.len())
}
