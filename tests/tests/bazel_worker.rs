//! With Bazel: a build with workers gives the same bytes as one without, from one rustc process a library, whatever happens on the way.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::real_programs::cache;
use splitlink_tests::rustc_fixture::tools::{names_in, splitlink};

/// Libraries, programs, tests, a proc macro and its library, a build script with a native library.
const TARGETS: &[&str] = &["//examples/hello/...", "//examples/proc_macro/...", "//tests/bazel_rules/build_script/..."];

/// Alike for both, for they share a worker.
const NONE_SUSPENDED: [&str; 3] =
    [WORKER, "--worker_extra_flag=SplitlinkMetadata=--max-suspended=0", "--worker_extra_flag=SplitlinkCodegen=--max-suspended=0"];

const SANDBOXES: &str = "--experimental_worker_multiplex_sandboxing";

const WORKER: &str = "--//rules/bazel:worker";

const NO_WORKER: &str = "--//rules/bazel:worker=false";

/// What a library's metadata is called, among all that is built.
fn is_metadata(name: &str) -> bool {
    name.ends_with(".rmeta") && name.contains(".splitlink/")
}

/// A clone whose splitlink notes each time that it is started, which is how the processes of rustc are counted.
struct Watched {
    clone: Checkout,
    /// What it writes to and reads from.
    folder: PathBuf,
}

impl Watched {
    fn make() -> Result<Self> {
        let folder = cache()?.join("worker");
        let clone = Checkout::make(folder.join("clone"))?;
        let watched = Self { clone, folder };
        // While `hold` is there, nothing that would run rustc goes on.
        let (real, calls, hold) = (watched.real(), watched.calls(), watched.hold());
        // A worker of a failed test may still run.
        let _ = fs::remove_file(&real);
        fs::copy(splitlink(), &real)?;
        let _ = fs::remove_file(&hold);
        let script = format!(
            "#!/bin/bash\necho \"$1\" 2>/dev/null >>{calls:?} || true\n[ \"$1\" != attached ] || while [ -e {hold:?} ]; do sleep 0.05; done\nexec -a \"$0\" {real:?} \"$@\"\n"
        );
        let tool = watched.clone.root.join("prebuilt/splitlink");
        fs::write(&tool, script)?;
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755))?;
        Ok(watched)
    }

    fn real(&self) -> PathBuf {
        self.folder.join("splitlink")
    }

    fn calls(&self) -> PathBuf {
        self.folder.join("calls")
    }

    fn hold(&self) -> PathBuf {
        self.folder.join("hold")
    }

    /// Makes the next build a build of everything, and ends its workers.
    fn clean(&self) -> Result<()> {
        ensure!(self.clone.bazel().arg("clean").output()?.status.success(), "bazel clean failed");
        fs::write(self.calls(), "")?;
        Ok(())
    }

    /// How often a worker has started the processes that run rustc.
    fn attached(&self) -> usize {
        fs::read_to_string(self.calls()).unwrap_or_default().lines().filter(|&call| call == "attached").count()
    }

    /// The worker's process, or those that it started.
    fn processes(&self, argument: &str) -> Vec<String> {
        let runs = |id: &String| {
            let command = fs::read(Path::new("/proc").join(id).join("cmdline")).unwrap_or_default();
            let mut words = command.split(|&byte| byte == 0);
            let of_clone = fs::read_link(Path::new("/proc").join(id).join("exe")).is_ok_and(|exe| exe == self.real());
            of_clone && words.any(|word| word == argument.as_bytes())
        };
        names_in("/proc".as_ref()).into_iter().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).filter(runs).collect()
    }

    /// Starts a clean build in which no rustc gets further than its start, and waits until one is there.
    fn held_build(&self, flags: &[&str]) -> Result<Child> {
        self.clean()?;
        fs::write(self.hold(), "")?;
        let mut command = self.clone.build_command(flags, TARGETS);
        let build = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        wait_until("a worker has started something", || self.attached() > 0)?;
        Ok(build)
    }

    /// Lets a held build go on, and waits until it has failed.
    fn fail(&self, build: Child) -> Result<String> {
        fs::remove_file(self.hold())?;
        let output = build.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "the build succeeded:\n{said}");
        Ok(said)
    }
}

fn wait_until(what: &str, done: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > Duration::from_secs(120) {
            bail!("{what}: not so after two minutes");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn kill(signal: &str, process: &str) -> Result<()> {
    ensure!(Command::new("kill").args([signal, process]).status()?.success(), "cannot send {signal} to {process}");
    Ok(())
}

fn same(plain: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>, how: &str) -> Result<()> {
    ensure!(plain.keys().eq(other.keys()), "{how}: other files were built:\n{:?}\n{:?}", plain.keys(), other.keys());
    // In their response files the forms of the actions differ.
    let differs = |name: &str, bytes: &[u8]| !name.ends_with(".params") && other[name] != bytes;
    let different: Vec<_> = plain.iter().filter(|(name, bytes)| differs(name, bytes)).map(|(name, _)| name.as_str()).collect();
    ensure!(different.is_empty(), "{how}: these files differ from those of a build without workers:\n  {}", different.join("\n  "));
    Ok(())
}

#[test]
fn with_and_without_workers() -> Result<()> {
    let watched = Watched::make()?;
    let (clone, calls) = (&watched.clone, || watched.attached());

    watched.clean()?;
    let plain = clone.build(&[NO_WORKER], TARGETS)?;
    ensure!(calls() == 0, "there was a worker that nobody wanted");
    let libraries = plain.keys().filter(|name| is_metadata(name)).count();
    let no_links = plain.keys().filter(|name| name.ends_with("/plan.json")).count();
    ensure!(libraries > 2 && no_links > 4, "{libraries} libraries and {no_links} plans were built, so little is tested");

    // No worker after all, by the same commands.
    watched.clean()?;
    same(&plain, &clone.build(&[WORKER, "--spawn_strategy=sandboxed"], TARGETS)?, "no worker strategy")?;
    ensure!(calls() == 0, "there was a worker, and no strategy for it");

    let mut expected = None;
    for flags in [&[WORKER][..], &[WORKER, "--jobs=1"], &[WORKER, "--worker_sandboxing"], &[WORKER, "--worker_sandboxing", SANDBOXES]] {
        watched.clean()?;
        same(&plain, &clone.build(flags, TARGETS)?, &flags.join(" "))?;
        // Also what the build itself runs, which is not in `plain`.
        let expected = *expected.get_or_insert_with(calls);
        // A library with a native one inside is compiled once more where its first sandbox is taken away.
        let again = if flags.contains(&SANDBOXES) { 1 } else { 0 };
        let right = (expected..=expected + again).contains(&calls()) && expected >= libraries + no_links;
        ensure!(right, "{flags:?}: rustc was run {} times, and {expected} before", calls());
        eprintln!("worker: {flags:?}: {} runs of rustc for {libraries} libraries and {no_links} linked crates or more", calls());
    }
    let once = expected.context("something was built")?;

    // With nothing suspended, each library is two runs: so many are saved.
    watched.clean()?;
    same(&plain, &clone.build(&NONE_SUSPENDED, TARGETS)?, "--max-suspended=0")?;
    let twice = calls();
    ensure!(twice - once >= libraries && twice - once < once, "{once} runs of rustc with, and {twice} without suspended processes");

    metadata_from_a_cache(&watched, &plain)?;
    an_interrupted_build(&watched, &plain)?;
    a_changed_source(&watched)?;
    clone.bazel().arg("shutdown").output()?;
    ensure!(watched.processes("--persistent_worker").is_empty() && watched.processes("attached").is_empty(), "something is left");
    Ok(())
}

/// The disk cache has the metadata of all libraries, and no code: nothing is suspended that could generate it.
fn metadata_from_a_cache(watched: &Watched, plain: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let cache = watched.folder.join("disk_cache");
    let _ = fs::remove_dir_all(&cache);
    let flags = [WORKER.to_owned(), format!("--disk_cache={}", cache.display())];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let plans: Vec<_> = flags.iter().copied().chain(["--output_groups=plan"]).collect();
    watched.clean()?;
    clone_builds(watched, &plans)?;
    let metadata = watched.attached();
    // What only other actions need, Bazel leaves in the cache.
    let compare = |how: &str| {
        let built = watched.clone.build(&flags, TARGETS)?;
        ensure!(built.contains_key("examples/hello/hello"), "{how}: no program was built");
        let plain: BTreeMap<_, _> =
            plain.iter().filter(|(name, _)| built.contains_key(*name)).map(|(n, b)| (n.clone(), b.clone())).collect();
        same(&plain, &built, how)
    };
    watched.clean()?;
    compare("metadata from the disk cache")?;
    ensure!(metadata > 0 && watched.attached() > 0, "nothing ran");
    watched.clean()?;
    compare("all from the disk cache")?;
    ensure!(watched.attached() == 0, "{} runs of rustc for what is in the cache", watched.attached());
    Ok(())
}

fn clone_builds(watched: &Watched, flags: &[&str]) -> Result<()> {
    let output = watched.clone.build_command(flags, TARGETS).output()?;
    ensure!(output.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The worker or Bazel's client ends in the middle of a build: nothing is left running, and the next build is right.
fn an_interrupted_build(watched: &Watched, plain: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let build = watched.held_build(&[WORKER])?;
    for process in watched.processes("--persistent_worker") {
        kill("-KILL", &process)?;
    }
    watched.fail(build)?;
    wait_until("all has ended", || watched.processes("attached").is_empty())?;
    same(plain, &watched.clone.build(&[WORKER], TARGETS)?, "after the worker was killed")?;

    for flags in [&[WORKER][..], &[WORKER, "--experimental_worker_cancellation"]] {
        let build = watched.held_build(flags)?;
        kill("-INT", &build.id().to_string())?;
        watched.fail(build)?;
        wait_until("all has ended", || watched.processes("attached").is_empty())?;
        same(plain, &watched.clone.build(flags, TARGETS)?, "after an interrupted build")?;
    }
    Ok(())
}

/// Between metadata and code, a source changes; the worker lives on.
fn a_changed_source(watched: &Watched) -> Result<()> {
    let source = watched.clone.root.join("examples/hello/src/lib.rs");
    let old = fs::read_to_string(&source)?;
    watched.clean()?;
    clone_builds(watched, &[WORKER, "--output_groups=plan"])?;
    ensure!(!watched.processes("attached").is_empty(), "nothing is suspended, so nothing is tested");
    fs::write(&source, format!("{old}\n/// More.\npub fn more() {{}}\n"))?;
    let changed = watched.clone.build(&[WORKER], TARGETS)?;
    watched.clean()?;
    same(&watched.clone.build(&[NO_WORKER], TARGETS)?, &changed, "after a change")?;
    fs::write(&source, old)?;
    Ok(())
}
