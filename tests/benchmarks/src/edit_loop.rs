//! How long it takes from an edit to the running program: `dev/bench edit_loop [PROGRAM [ROUNDS
//! [CONTESTANT...]]]`.
//!
//! The program and the libraries that are developed with it count as first-party: Cargo compiles
//! them incrementally, and they have interfaces where that is on. Each way of building has an output
//! folder of its own. Whose turn it is builds what the others have edited before the clock starts,
//! and then builds and runs the program after each of the edits, every one of which is another than
//! before. A first round, which does not count, says what ran.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::machine::{Machine, MemoryPeak};
use crate::measure::{median, time};
use crate::whole_builds::{Bench, as_published, unique};
use anyhow::{Context, Result, bail, ensure};
use splitlink_tests::execution_log::{self, Spawn};
use splitlink_tests::real_programs::cargo_build::Profile;
use splitlink_tests::real_programs::{GITOXIDE, Program, RIPGREP, Rules, cache};

pub const USAGE: &str = "usage: dev/bench edit_loop [gix|rg [ROUNDS [CONTESTANT...]]]";

/// A program with the libraries that are developed with it.
struct Developed {
    program: Program,
    /// How the names of these libraries begin.
    libraries: &'static [&'static str],
    edits: &'static [Edit],
}

/// A kind of edit, in a file of a library, or of the program where that is empty.
struct Edit {
    what: &'static str,
    library: &'static str,
    file: &'static str,
    change: Change,
}

#[derive(Clone, Copy)]
enum Change {
    /// A number in the line of this statement, which is there once.
    Number(&'static str),
    /// A line more before this statement.
    Line(&'static str),
    /// A text more at the end, with a number for each `{}`.
    End(&'static str),
}

const COMMENT: Change = Change::End("// {}\n");
const PRIVATE: Change = Change::End("#[allow(dead_code)]\nfn bench_{}() -> u128 {\n    {}\n}\n");
const PUBLIC: Change = Change::End("/// Of a benchmark.\npub fn bench_public_{}() -> u128 {\n    {}\n}\n");

const PROGRAMS: [Developed; 2] = [
    Developed {
        program: GITOXIDE,
        libraries: &["gix", "gitoxide"],
        edits: &[
            Edit { what: "a body of gix-hash", library: "gix-hash", file: "src/kind.rs", change: Change::Number("Ok(match s {") },
            Edit {
                what: "a body of gix-object",
                library: "gix-object",
                file: "src/encode.rs",
                change: Change::Number("trusted_header_field(name, value, out)\n}"),
            },
            Edit { what: "a line more in it", library: "gix-object", file: "src/kind.rs", change: Change::Line("        f.write_str(") },
            Edit { what: "a comment in gix-hash", library: "gix-hash", file: "src/verify.rs", change: COMMENT },
            Edit { what: "a private function", library: "gix-hash", file: "src/lib.rs", change: PRIVATE },
            Edit { what: "a public function", library: "gix-hash", file: "src/prefix.rs", change: PUBLIC },
            Edit { what: "the program's root", library: "", file: "src/gix.rs", change: PRIVATE },
        ],
    },
    Developed {
        program: RIPGREP,
        libraries: &["grep", "globset", "ignore"],
        edits: &[
            Edit { what: "a body of globset", library: "globset", file: "src/glob.rs", change: Change::Number("self.glob.fmt(f)") },
            Edit { what: "a comment in globset", library: "globset", file: "src/pathutil.rs", change: COMMENT },
            Edit { what: "a public function", library: "globset", file: "src/fnv.rs", change: PUBLIC },
            Edit { what: "the program's root", library: "", file: "crates/core/main.rs", change: PRIVATE },
        ],
    },
];

/// One way of building.
struct Contestant {
    name: &'static str,
    /// None: Cargo.
    rules: Option<Rules>,
    flags: &'static [&'static str],
}

const CONTESTANTS: [Contestant; 7] = [
    Contestant { name: "Cargo, incremental", rules: None, flags: &[] },
    Contestant {
        name: "rules_rust, pipelined",
        rules: Some(Rules::RulesRust),
        flags: &["--@rules_rust//rust/settings:pipelined_compilation"],
    },
    Contestant { name: "splitlink", rules: Some(Rules::Splitlink), flags: &[] },
    Contestant { name: "splitlink, interfaces", rules: Some(Rules::Splitlink), flags: &[INTERFACES] },
    Contestant { name: "splitlink, incremental", rules: Some(Rules::Splitlink), flags: &[INCREMENTAL] },
    Contestant { name: "splitlink, both", rules: Some(Rules::Splitlink), flags: &[INTERFACES, INCREMENTAL] },
    // Cargo's linker for x86_64, too.
    Contestant { name: "splitlink, both, lld", rules: Some(Rules::Splitlink), flags: &[INTERFACES, INCREMENTAL, LLD] },
];

const INTERFACES: &str = "--@splitlink//rules/bazel:interfaces";
const INCREMENTAL: &str = "--@splitlink//rules/bazel:incremental";
const LLD: &str = "--@splitlink//rules/bazel:linker=lld";

/// What came of a build.
#[derive(Clone)]
struct Taken {
    /// From its start to the end of the program.
    wall: Duration,
    /// How many actions ran, or how many crates Cargo compiled.
    actions: usize,
    /// The most memory in use during the build, in bytes, beyond what was before.
    memory: u64,
}

pub fn bench(args: &[String]) -> Result<()> {
    let name = args.first().map_or(GITOXIDE.bin, String::as_str);
    let developed = PROGRAMS.iter().find(|developed| developed.program.bin == name).with_context(|| USAGE.to_owned())?;
    let rounds: usize = args.get(1).map_or(Ok(3), |n| n.parse()).with_context(|| USAGE.to_owned())?;
    ensure!(rounds > 0, "one round at least; {USAGE}");
    let named = args.get(2..).unwrap_or_default();
    if let Some(unknown) = named.iter().find(|name| !CONTESTANTS.iter().any(|contestant| contestant.name == **name)) {
        bail!("no contestant `{unknown}`; there are {}", CONTESTANTS.map(|contestant| contestant.name).join("; "));
    }
    let takes_part = |contestant: &&Contestant| named.is_empty() || named.iter().any(|name| name == contestant.name);
    let contestants: Vec<&Contestant> = CONTESTANTS.iter().filter(takes_part).collect();
    let machine = Machine::now()?;
    let bench = Bench::new(as_published(developed.program), Profile::Dev)?;
    let mut place = Place::new(&bench, developed)?;
    let mut taken: BTreeMap<(usize, usize), Vec<Taken>> = BTreeMap::new();
    for round in 0..=rounds {
        for (who, contestant) in contestants.iter().enumerate() {
            let start = Instant::now();
            place.build(contestant, None)?;
            eprintln!("round {round} of {rounds}: {:24} ready in {:.1} s", contestant.name, start.elapsed().as_secs_f64());
            for (at, edit) in developed.edits.iter().enumerate() {
                place.change(edit)?;
                let log = (round == 0).then(|| place.log.clone());
                let this = place.build(contestant, log.as_deref())?;
                let ran = log.map_or(Ok(String::new()), |log| place.what_ran(contestant, &log))?;
                eprintln!(
                    "round {round} of {rounds}: {:24} {:24} {:6.2} s, {} actions, {} MB{ran}",
                    contestant.name,
                    edit.what,
                    this.wall.as_secs_f64(),
                    this.actions,
                    this.memory >> 20
                );
                if round > 0 {
                    taken.entry((at, who)).or_default().push(this);
                }
            }
        }
    }
    println!("  {machine}");
    show(&bench, developed, rounds, &contestants, &taken);
    Ok(())
}

/// Shows the medians of `taken`, by edit and contestant, each with how many actions ran, how much
/// memory that took at most, and the ratio to the first contestant's time.
fn show(bench: &Bench, developed: &Developed, rounds: usize, contestants: &[&Contestant], taken: &BTreeMap<(usize, usize), Vec<Taken>>) {
    let Program { package, version, .. } = bench.program;
    println!("{package} {version}, {} crates, fastbuild, from an edit to the running program, medians of {rounds}", bench.crates);
    for (at, edit) in developed.edits.iter().enumerate() {
        println!("  {}", edit.what);
        let wall = |who: usize| median(taken[&(at, who)].iter().map(|taken| taken.wall).collect()).as_secs_f64();
        for (who, contestant) in contestants.iter().enumerate() {
            let these = &taken[&(at, who)];
            let actions = these.iter().map(|taken| taken.actions).max().unwrap_or_default();
            let memory = these.iter().map(|taken| taken.memory).max().unwrap_or_default() >> 20;
            println!("    {:24}{:7.2} s  {:5.2}  {actions:3} actions  {memory:5} MB", contestant.name, wall(who), wall(who) / wall(0));
        }
    }
}

/// The program's sources and what is built of them. The sources are as they were when this is
/// dropped.
struct Place<'b> {
    bench: &'b Bench,
    developed: &'b Developed,
    /// The folder of each library that is developed with the program, by its name.
    libraries: BTreeMap<String, PathBuf>,
    sources: BTreeMap<PathBuf, Source>,
    cargo_target: PathBuf,
    log: PathBuf,
}

struct Source {
    original: String,
    changes: Vec<(Change, u128)>,
}

impl<'b> Place<'b> {
    fn new(bench: &'b Bench, developed: &'b Developed) -> Result<Self> {
        let root = bench.workspace.root.join(bench.program.package);
        let mut libraries = BTreeMap::new();
        for entry in fs::read_dir(root.join("vendor"))? {
            let folder = entry?.path();
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // `gix-hash-0.28.1` without its version
            let Some((name, _)) = name.rsplit_once('-') else { continue };
            if developed.libraries.iter().any(|prefix| name.starts_with(prefix)) {
                libraries.insert(name.to_owned(), folder);
            }
        }
        ensure!(libraries.len() > 3, "only {} libraries are developed with {}", libraries.len(), bench.program.package);
        let cargo_target = cache()?.join(format!("real_programs/edit-loop-{}", bench.program.package));
        let log = bench.workspace.root.join("edit-loop.json");
        Ok(Self { bench, developed, libraries, sources: BTreeMap::new(), cargo_target, log })
    }

    fn change(&mut self, edit: &Edit) -> Result<()> {
        let folder = match edit.library {
            "" => self.bench.workspace.root.join(self.bench.program.package),
            library => self.libraries.get(library).with_context(|| format!("no library {library}"))?.clone(),
        };
        let path = folder.join(edit.file);
        if !self.sources.contains_key(&path) {
            let text = self.original(&path)?;
            self.sources.insert(path.clone(), Source { original: text, changes: Vec::new() });
        }
        let source = self.sources.get_mut(&path).context("it was put there")?;
        source.changes.push((edit.change, unique()));
        let text = source.text().with_context(|| format!("cannot change `{}`", path.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// The text of a source as it was published. A benchmark that was killed has left its changes, so
    /// a copy is kept beside the programs.
    fn original(&self, path: &Path) -> Result<String> {
        let root = &self.bench.workspace.root;
        let copy = root.join("edit-loop-originals").join(path.strip_prefix(root)?);
        if !copy.exists() {
            fs::create_dir_all(copy.parent().context("a file is in a folder")?)?;
            fs::copy(path, &copy).with_context(|| format!("cannot copy `{}`", path.display()))?;
        }
        fs::read_to_string(&copy).with_context(|| format!("cannot read `{}`", copy.display()))
    }

    /// Builds and runs the program; writes an execution log, if there is a place for it.
    fn build(&self, contestant: &Contestant, log: Option<&Path>) -> Result<Taken> {
        let memory = MemoryPeak::watch()?;
        let start = Instant::now();
        let (mut command, executable) = match contestant.rules {
            None => (self.cargo()?, self.cargo_target.join("debug").join(self.bench.program.bin)),
            Some(rules) => self.bazel(contestant, rules, log),
        };
        let output = command.output().with_context(|| format!("cannot start {}", contestant.name))?;
        let says = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} cannot build {}:\n{says}", contestant.name, self.bench.program.package);
        time(Command::new(executable).arg("--version"))?;
        let wall = start.elapsed();
        let actions = match contestant.rules {
            None => says.lines().filter(|line| line.trim_start().starts_with("Compiling ")).count(),
            Some(_) => crate::whole_builds::actions(&says),
        };
        Ok(Taken { wall, actions, memory: memory.end() })
    }

    fn cargo(&self) -> Result<Command> {
        let mut command = self.bench.cargo(&self.cargo_target);
        command.env("CARGO_INCREMENTAL", "1");
        // What Cargo has downloaded itself it takes for unchangeable.
        command.arg("--config").arg(format!("paths={:?}", self.libraries.values().collect::<Vec<_>>()));
        // Bazel optimises no crate.
        let manifest = self.bench.workspace.root.join(self.bench.program.package).join("Cargo.toml");
        let manifest = fs::read_to_string(&manifest).with_context(|| format!("cannot read `{}`", manifest.display()))?;
        for line in manifest.lines().filter(|line| line.starts_with("[profile.dev.package.")) {
            command.arg("--config").arg(format!("{}.opt-level=0", line.trim_matches(['[', ']'])));
        }
        Ok(command)
    }

    fn bazel(&self, contestant: &Contestant, rules: Rules, log: Option<&Path>) -> (Command, PathBuf) {
        let suffix = contestant.name.replace(", ", "-").replace(' ', "-");
        let folders = self.libraries.values().filter_map(|folder| folder.file_name());
        let package = self.bench.program.package;
        let patterns: Vec<_> = folders.map(|folder| format!("//{package}/vendor/{}/...", folder.to_string_lossy())).collect();
        let mut command = self.bench.workspace.bazel();
        command.arg("build").args([
            "--compilation_mode=fastbuild",
            "--host_compilation_mode=fastbuild",
            "--sandbox_base=/dev/shm",
            "--color=no",
            "--noshow_progress",
            // Each has an output folder of its own.
            &format!("--platform_suffix={suffix}"),
            &format!("--@splitlink//rules/bazel:first_party=//{package}:all,{}", patterns.join(",")),
        ]);
        command.args(contestant.flags).arg(self.bench.program.label(rules));
        if let Some(log) = log {
            command.arg(format!("--execution_log_json_file={}", log.display()));
        }
        (command, self.bench.executable(rules))
    }

    /// What the execution log of a build says.
    fn what_ran(&self, contestant: &Contestant, log: &Path) -> Result<String> {
        if contestant.rules.is_none() {
            return Ok(String::new());
        }
        let spawns = execution_log::read(log)?;
        let mut kinds = BTreeMap::<&str, (usize, f64)>::new();
        for Spawn { mnemonic, seconds, .. } in &spawns {
            let kind = kinds.entry(mnemonic).or_default();
            *kind = (kind.0 + 1, kind.1 + seconds);
        }
        if spawns.is_empty() {
            bail!("{} ran nothing after an edit of {}", contestant.name, self.developed.program.package);
        }
        let kinds: Vec<_> = kinds.iter().map(|(kind, (count, seconds))| format!("{count} {kind} {seconds:.2} s")).collect();
        Ok(format!(": {}", kinds.join(", ")))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        for (path, source) in &self.sources {
            let _ = fs::write(path, &source.original);
        }
    }
}

const MARK: &str = "bench_edit_loop";

impl Source {
    /// The text with all changes made; of the changes of a number the last counts.
    fn text(&self) -> Result<String> {
        let mut text = self.original.clone();
        for (at, (change, number)) in self.changes.iter().enumerate() {
            let made = format!("std::hint::black_box({number}u128);");
            match change {
                Change::Number(_) if self.changes[at + 1..].iter().any(|(other, _)| matches!(other, Change::Number(_))) => {}
                Change::Number(statement) => text = with_before(&text, statement, &format!("{made} /* {MARK} */ "))?,
                Change::Line(statement) => text = with_before(&text, statement, &format!("        {made} // {MARK}\n"))?,
                Change::End(more) => text += &format!("// {MARK}\n{more}").replace("{}", &number.to_string()),
            }
        }
        Ok(text)
    }
}

/// `text` with `more` before `statement`.
fn with_before(text: &str, statement: &str, more: &str) -> Result<String> {
    ensure!(text.matches(statement).count() == 1, "`{statement}` is not there once");
    Ok(text.replace(statement, &format!("{more}{statement}")))
}
