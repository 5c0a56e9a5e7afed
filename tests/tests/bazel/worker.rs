//! With Bazel: a build with workers gives the same bytes as one without, from one rustc process a
//! library, whatever happens on the way.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use splitlink_tests::execution_log::{self, Spawn};
use splitlink_tests::watched::{DAY, Files, Start, WORKER, Watched, kill, same, wait_until};

/// Libraries, programs, tests, a proc macro and its library, a build script with a native library.
const TARGETS: &[&str] = &["//examples/hello/...", "//examples/proc_macro/...", "//tests/bazel_rules/build_script/..."];

/// A library, a program and tests of both: where it does not matter how much is built.
const FEW: &[&str] = &["//examples/hello/..."];

/// Alike for both, for they share a worker.
const NONE_SUSPENDED: [&str; 3] =
    [WORKER, "--worker_extra_flag=SplitlinkMetadata=--max-suspended=0", "--worker_extra_flag=SplitlinkCodegen=--max-suspended=0"];

const SANDBOXES: &str = "--experimental_worker_multiplex_sandboxing";

const NO_WORKER: &str = "--//rules/bazel:worker=false";

/// What a library's metadata is called, among all that is built.
fn is_metadata(name: &str) -> bool {
    name.ends_with(".rmeta") && name.contains(".splitlink/")
}

#[test]
fn with_and_without_workers() -> Result<()> {
    let watched = Watched::make()?;
    let (clone, calls) = (&watched.clone, || watched.attached());

    watched.begin_anew()?;
    let plain = clone.build(&[NO_WORKER], TARGETS)?;
    ensure!(calls() == 0, "there was a worker that nobody wanted");
    let libraries = plain.keys().filter(|name| is_metadata(name)).count();
    let no_links = plain.keys().filter(|name| name.ends_with("/plan.json")).count();
    ensure!(libraries > 2 && no_links > 4, "{libraries} libraries and {no_links} plans were built, so little is tested");

    // No worker after all, by the same commands.
    watched.begin_anew()?;
    same(&plain, &clone.build(&[WORKER, "--spawn_strategy=sandboxed"], TARGETS)?, "no worker strategy")?;
    ensure!(calls() == 0, "there was a worker, and no strategy for it");

    let mut expected = None;
    for flags in [&[WORKER][..], &[WORKER, "--jobs=1"], &[WORKER, "--worker_sandboxing"], &[WORKER, "--worker_sandboxing", SANDBOXES]] {
        watched.begin_anew()?;
        let how = flags.join(" ");
        let log = watched.folder.join("execution_log.json");
        let to_log = format!("--execution_log_json_file={}", log.display());
        let logged = [flags, &[to_log.as_str()]].concat();
        same(&plain, &clone.build(&logged, TARGETS)?, &how)?;
        one_rustc_a_crate(&execution_log::read(&log)?, &watched.starts()?).context(how)?;
        ensure!(calls() == *expected.get_or_insert_with(calls), "{flags:?}: rustc was run {} times, and {expected:?} before", calls());
        eprintln!("worker: {flags:?}: {} runs of rustc for {libraries} libraries and {no_links} linked crates or more", calls());
    }
    let once = expected.context("something was built")?;
    ensure!(once >= libraries + no_links, "{once} runs of rustc");

    // With nothing suspended, each library is two runs: so many are saved.
    watched.begin_anew()?;
    same(&plain, &clone.build(&NONE_SUSPENDED, TARGETS)?, "--max-suspended=0")?;
    let twice = calls();
    ensure!(twice - once >= libraries && twice - once < once, "{once} runs of rustc with, and {twice} without suspended processes");

    metadata_from_a_cache(&watched, &plain)?;
    let few: Files = plain.into_iter().filter(|(name, _)| name.starts_with("examples/hello/")).collect();
    ensure!(few.contains_key("examples/hello/hello"), "{:?}", few.keys());
    an_interrupted_build(&watched, &few)?;
    a_changed_source(&watched)?;
    watched.shut_down()
}

/// A worker has run all actions that compile, with one process for metadata and code of a library:
/// there are no more than these, rustc was started in the time of the metadata action, and the
/// codegen action began when that had ended.
fn one_rustc_a_crate(spawns: &[Spawn], starts: &[Start]) -> Result<()> {
    let of = |mnemonic: &str| spawns.iter().filter(|spawn| spawn.mnemonic == mnemonic).collect::<Vec<_>>();
    let (metadata, codegen, no_link) = (of("SplitlinkMetadata"), of("SplitlinkCodegen"), of("SplitlinkNoLink"));
    ensure!(!codegen.is_empty() && codegen.len() <= metadata.len(), "{} actions for metadata, {} for code", metadata.len(), codegen.len());
    ensure!(starts.len() == metadata.len() + no_link.len(), "{} processes for {} crates", starts.len(), metadata.len() + no_link.len());
    let elsewhere = metadata.iter().chain(&codegen).chain(&no_link).find(|spawn| !spawn.runner.contains("worker"));
    ensure!(elsewhere.is_none(), "an action was not run by a worker: {elsewhere:?}");
    // Up to the clocks' millisecond, and over midnight.
    let after = |later: f64, earlier: f64| (later - earlier + 0.002 + DAY).rem_euclid(DAY) < DAY / 2.0;
    let within = |start: &Start, spawn: &Spawn| after(start.at, spawn.start) && after(spawn.start + spawn.seconds, start.at);
    let mut seen = BTreeSet::new();
    for code in codegen {
        let stem = code.output.strip_suffix(".rlib").with_context(|| format!("{code:?}"))?;
        let own = metadata.iter().find(|spawn| spawn.output.strip_suffix(".rmeta") == Some(stem)).with_context(|| format!("{code:?}"))?;
        let (_, name) = stem.rsplit_once("/lib").with_context(|| format!("{code:?}"))?;
        let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
        let all: Vec<_> = starts.iter().filter(|start| start.crate_name == name).collect();
        ensure!(all.iter().any(|start| within(start, own)), "no rustc started in the time of {own:?}: {all:?}");
        ensure!(after(code.start, own.start + own.seconds), "{code:?} began before {own:?} had ended");
        seen.insert(name);
    }
    ensure!(seen.len() > 2, "only {seen:?}");
    Ok(())
}

/// The disk cache has the metadata of all libraries, and the code of nearly none: nothing is
/// suspended that could generate it.
fn metadata_from_a_cache(watched: &Watched, plain: &Files) -> Result<()> {
    let cache = watched.folder.join("disk_cache");
    let _ = fs::remove_dir_all(&cache);
    let flags = [WORKER.to_owned(), format!("--disk_cache={}", cache.display())];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let plans: Vec<_> = flags.iter().copied().chain(["--output_groups=plan"]).collect();
    // That test is compiled when the program that it runs is linked, so when all code is there.
    let targets = [TARGETS, &["-//examples/hello:hello_test"]].concat();
    watched.begin_anew()?;
    watched.build(&plans, &targets)?;
    let metadata = watched.attached();
    let code = |files: &Files| files.keys().filter(|name| name.ends_with(".rlib") && name.contains(".splitlink/")).count();
    // A build script may run a program, whose libraries are compiled for it.
    let cached = code(&watched.clone.written(&flags)?);
    // What only other actions need, Bazel leaves in the cache.
    let compare = |how: &str| -> Result<usize> {
        let built = watched.clone.build(&flags, &targets)?;
        ensure!(built.contains_key("examples/hello/hello"), "{how}: no program was built");
        let plain = plain.iter().filter(|(name, _)| built.contains_key(*name)).map(|(name, bytes)| (name.clone(), bytes.clone()));
        same(&plain.collect(), &built, how)?;
        Ok(code(&built))
    };
    watched.begin_anew()?;
    let libraries = compare("metadata from the disk cache")?;
    let runs = watched.attached();
    let more = libraries - cached;
    ensure!(
        metadata > 0 && more > 2 && runs == more,
        "{runs} runs of rustc for the code of {libraries} libraries, of which {cached} was cached"
    );
    watched.begin_anew()?;
    compare("all from the disk cache")?;
    ensure!(watched.attached() == 0, "{} runs of rustc for what is in the cache", watched.attached());
    Ok(())
}

/// The worker or Bazel's client ends in the middle of a build: nothing is left running, and the
/// next build is right.
fn an_interrupted_build(watched: &Watched, plain: &Files) -> Result<()> {
    let build = watched.held_build(&[WORKER], FEW)?;
    for process in watched.processes("--persistent_worker") {
        kill("-KILL", &process)?;
    }
    watched.fail(build)?;
    wait_until("all has ended", || watched.processes("attached").is_empty())?;
    same(plain, &watched.clone.build(&[WORKER], FEW)?, "after the worker was killed")?;

    for flags in [&[WORKER][..], &[WORKER, "--experimental_worker_cancellation"]] {
        let build = watched.held_build(flags, FEW)?;
        kill("-INT", &build.id().to_string())?;
        watched.fail(build)?;
        wait_until("all has ended", || watched.processes("attached").is_empty())?;
        same(plain, &watched.clone.build(flags, FEW)?, "after an interrupted build")?;
    }
    Ok(())
}

/// Between metadata and code, a source changes; the worker lives on.
fn a_changed_source(watched: &Watched) -> Result<()> {
    let source = watched.clone.root.join("examples/hello/src/lib.rs");
    let old = fs::read_to_string(&source)?;
    watched.begin_anew()?;
    // Not the tests: one of them is compiled when the program that it runs is linked.
    watched.build(&[WORKER, "--output_groups=plan"], &["//examples/hello"])?;
    ensure!(!watched.processes("attached").is_empty(), "nothing is suspended, so nothing is tested");
    fs::write(&source, format!("{old}\n/// More.\npub fn more() {{}}\n"))?;
    let changed = watched.clone.build(&[WORKER], FEW)?;
    watched.begin_anew()?;
    same(&watched.clone.build(&[NO_WORKER], FEW)?, &changed, "after a change")?;
    fs::write(&source, old)?;
    Ok(())
}
