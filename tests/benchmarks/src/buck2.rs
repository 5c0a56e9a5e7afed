//! How long clean builds of published programs take with Buck2: `dev/bench buck2 [ROUNDS [PROGRAM
//! [OPT_LEVEL [CONTESTANT...]]]]`.
//!
//! The prelude's own rules, the prelude's with `nightly_features` (which compiles a library's
//! metadata first), and splitlink's build the same targets in turn; all that is linked, build
//! scripts and procedural macros included, is linked by the contestant's rules. What Buck2 has to
//! do but once is done before the clock starts: tools, the toolchain's files, loading and analysis.
//! Every crate is then compiled, because each build gives rustc a `-Cmetadata` of its own. The
//! critical path is the one that Buck2 names (`buck2 log critical-path`), without the time that its
//! actions waited for a processor.
//!
//! The prelude's `advanced_unstable_linking` needs the standard library as crates of the build;
//! these are rustc's own, made whole beforehand (tests/buck2_workspace/sysroot).

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::measure::median;
use crate::whole_builds::as_published;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use splitlink_tests::buck2::Project;
use splitlink_tests::real_programs::{PROGRAMS, Program, buck2_files, cache, cargo_build};
use splitlink_tests::rustc_fixture::tools::Toolchain;

pub const USAGE: &str = "usage: dev/bench buck2 [ROUNDS [PROGRAM [OPT_LEVEL [CONTESTANT...]]]]";

/// One way of building the program.
#[derive(Clone, Copy)]
struct Contestant {
    name: &'static str,
    /// `program.rules`, of tests/buck2_workspace/cargo_rules.bzl.
    rules: &'static str,
    /// `bench.toolchain`, of [`TOOLCHAINS`].
    toolchain: &'static str,
    /// `splitlink.pipelining`.
    pipelining: &'static str,
}

const CONTESTANTS: [Contestant; 6] = [
    Contestant { name: "prelude", rules: "prelude", toolchain: "stable", pipelining: "on" },
    Contestant { name: "prelude, nightly_features", rules: "prelude", toolchain: "nightly", pipelining: "on" },
    Contestant { name: "advanced_unstable_linking", rules: "prelude", toolchain: "advanced", pipelining: "on" },
    Contestant { name: "splitlink", rules: "splitlink", toolchain: "splitlink", pipelining: "on" },
    Contestant { name: "splitlink, shared", rules: "splitlink", toolchain: "splitlink", pipelining: "shared" },
    Contestant { name: "splitlink, pipelining off", rules: "splitlink", toolchain: "splitlink", pipelining: "off" },
];

/// The Rust toolchain of each contestant, in place of the one in tests/buck2_workspace. `LLD`
/// stands for the folder of the linker that rustc uses: the other contestants get it from rustc,
/// and GNU's wants crates in an order in which the prelude does not name them.
const TOOLCHAINS: &str = r#"
load("@root//sysroot:sysroot.bzl", "explicit_sysroot_toolchain")

_FLAGS = [
    "-Copt-level=" + read_root_config("program", "opt_level", "0"),
    "-Cmetadata=" + read_root_config("bench", "build", "none"),
]

system_rust_toolchain(
    name = "rust_stable",
    nightly_features = False,
    rustc_flags = _FLAGS,
)

system_rust_toolchain(
    name = "rust_nightly",
    nightly_features = True,
    rustc_flags = _FLAGS,
)

explicit_sysroot_toolchain(
    name = "rust_advanced",
    advanced_unstable_linking = True,
    base = ":rust_nightly",
    crates = ["root//sysroot:" + name for name in ["alloc", "compiler_builtins", "core", "panic_unwind", "proc_macro", "std", "test"]],
    linker_flags = ["-BLLD", "-fuse-ld=lld"],
)

splitlink_rust_toolchain(
    name = "rust_splitlink",
    base = ":rust_stable",
    lto_engine = ":splitlink_lto",
    splitlink = ":splitlink",
)

toolchain_alias(
    name = "rust",
    actual = ":rust_" + read_root_config("bench", "toolchain", "splitlink"),
    visibility = ["PUBLIC"],
)
"#;

/// What one build took.
#[derive(Clone, Copy)]
struct Taken {
    wall: Duration,
    critical_path: Duration,
}

pub fn bench(args: &[String]) -> Result<()> {
    let mut args = args.iter().cloned();
    let rounds: usize = args.next().map_or(Ok(5), |n| n.parse()).context(USAGE)?;
    let bin = args.next().unwrap_or_else(|| "rg".to_owned());
    let program = PROGRAMS.iter().find(|program| program.bin == bin).with_context(|| format!("no program `{bin}`; {USAGE}"))?;
    let program = as_published(*program);
    let opt_level: u8 = args.next().map_or(Ok(3), |n| n.parse()).context(USAGE)?;
    let wanted: Vec<_> = args.collect();
    let (mut contestants, names) = (Vec::from(CONTESTANTS), CONTESTANTS.map(|contestant| contestant.name));
    if let Some(other) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("no contestant `{other}` among {names:?}; {USAGE}");
    }
    contestants.retain(|contestant| wanted.is_empty() || wanted.iter().any(|name| name == contestant.name));
    ensure!(rounds > 0, "one round at least; {USAGE}");

    let folder = cache()?.join("real_programs/bench-buck2");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let Some(project) = Project::lay_out(folder.join("project"))? else {
        bail!("there is no Buck2 to measure: put one on the PATH, or set BUCK2 to it")
    };
    buck2_files::generate(&folder.join("sources"), &project.root, &[program])?;
    exchange_toolchains(&project)?;
    let crates = cargo_build::crates(&project.root, &program)?.len();
    let threads = std::thread::available_parallelism()?.get() + 1;
    let bench = Bench { contestants, project, path: path()?, program, opt_level, crates, threads };
    bench.run(rounds)
}

/// The PATH, with the Python itself first: the prelude runs it in each action, and a shim in its
/// place (pyenv's, say) would start a shell each time.
fn path() -> Result<OsString> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output()?;
    let python = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let folder = python.parent().context("python3 does not say where it is")?.to_owned();
    let old = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&old)))?)
}

/// Puts [`TOOLCHAINS`] in the place of the project's two Rust toolchains.
fn exchange_toolchains(project: &Project) -> Result<()> {
    let path = project.root.join("toolchains/BUCK");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once("\nsystem_rust_toolchain(").context("toolchains/BUCK has no system_rust_toolchain")?;
    let (_, after) = rest.split_once("\nsystem_cxx_toolchain(").context("toolchains/BUCK has no system_cxx_toolchain after it")?;
    let rustc = Toolchain::stable();
    let lld = rustc.libdir().with_file_name("bin/gcc-ld");
    let toolchains = TOOLCHAINS.replace("LLD", lld.to_str().context("the path of rustc is not UTF-8")?);
    fs::write(path, format!("{before}{toolchains}\nsystem_cxx_toolchain({after}"))?;
    Ok(())
}

struct Bench {
    contestants: Vec<Contestant>,
    project: Project,
    /// The PATH of all actions.
    path: OsString,
    program: Program,
    opt_level: u8,
    crates: usize,
    /// How many actions may run at a time: one more than there are processors, for one may wait for
    /// a rustc that another has started.
    threads: usize,
}

impl Bench {
    fn run(&self, rounds: usize) -> Result<()> {
        let mut taken = vec![Vec::new(); self.contestants.len()];
        // The first round warms the file cache up and makes what stays the same; it does not count.
        for round in 0..=rounds {
            for (contestant, taken) in self.contestants.iter().zip(&mut taken) {
                let this = self.build(contestant)?;
                eprintln!("round {round} of {rounds}: {:26} {}", contestant.name, show(this));
                if round > 0 {
                    taken.push(this);
                }
            }
        }
        let Program { package, version, .. } = self.program;
        println!(
            "{package} {version}, {} crates, opt-level {}, medians of {rounds} clean builds with Buck2 of {} threads",
            self.crates, self.opt_level, self.threads
        );
        let medians: Vec<_> = taken.iter().map(|taken| medians(taken)).collect();
        for (contestant, &median) in self.contestants.iter().zip(&medians) {
            println!("  {:26} {}", contestant.name, show(median));
        }
        let (ours, preludes): (Vec<_>, Vec<_>) =
            self.contestants.iter().zip(&medians).partition(|(contestant, _)| contestant.rules == "splitlink");
        for (one, ours) in ours {
            for (contestant, theirs) in &preludes {
                let ratio = |ours: Duration, theirs: Duration| ours.as_secs_f64() / theirs.as_secs_f64();
                println!(
                    "  {:25} / {:26} wall {:.3}   critical path {:.3}",
                    one.name,
                    contestant.name,
                    ratio(ours.wall, theirs.wall),
                    ratio(ours.critical_path, theirs.critical_path)
                );
            }
        }
        Ok(())
    }

    fn build(&self, contestant: &Contestant) -> Result<Taken> {
        let target = format!("root//{}:{}", self.program.package, self.program.bin);
        let settings = [
            format!("program.rules={}", contestant.rules),
            format!("program.opt_level={}", self.opt_level),
            format!("bench.toolchain={}", contestant.toolchain),
            format!("splitlink.pipelining={}", contestant.pipelining),
            format!("bench.build=b{}", UNIX_EPOCH.elapsed()?.as_nanos()),
        ];
        let command = |words: &[&str]| -> Command {
            let mut command = self.project.command(words);
            command.args(settings.iter().flat_map(|setting| ["-c", setting])).env("PATH", &self.path);
            command
        };
        // Loads and analyses, and makes the tools, which are the same in every build.
        run(&mut command(&["audit", "providers", "--quiet", &target]))?;
        let start = Instant::now();
        run(&mut command(&["build", "--num-threads", &self.threads.to_string(), &target]))?;
        let wall = start.elapsed();
        let compiled =
            self.project.ran()?.iter().filter(|ran| ran.action.starts_with("rustc rlib") || ran.action.contains("no_link")).count();
        ensure!(compiled + 5 > self.crates, "Buck2 compiled {compiled} of {} crates: that was no clean build", self.crates);
        Ok(Taken { wall, critical_path: self.critical_path()? })
    }

    /// The critical path of the last build, as Buck2 says: how long its actions ran.
    fn critical_path(&self) -> Result<Duration> {
        let entries = self.project.buck2(&["log", "critical-path", "--format=json"])?;
        let mut sum = 0;
        for line in entries.lines() {
            let entry: Value = serde_json::from_str(line)?;
            // What was there before the build began took none of its time.
            if entry["reused"] != true {
                sum += entry["user_duration"].as_u64().with_context(|| format!("Buck2 names no duration: {line}"))?;
            }
        }
        Ok(Duration::from_micros(sum))
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn medians(taken: &[Taken]) -> Taken {
    Taken {
        wall: median(taken.iter().map(|taken| taken.wall).collect()),
        critical_path: median(taken.iter().map(|taken| taken.critical_path).collect()),
    }
}

fn show(taken: Taken) -> String {
    format!("{:7.2} s   critical path {:7.2} s", taken.wall.as_secs_f64(), taken.critical_path.as_secs_f64())
}
