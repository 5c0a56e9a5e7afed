//! With Bazel and workers: whatever is killed or changed in the middle of a build, nothing is left
//! running and the next build is right.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use splitlink_tests::watched::{Files, WORKER, Watched, is_alive, kill, same, wait_until};

/// A library that holds rustc up in a macro, and a program that uses it.
const BUILD: &str = r#"load("//rules/bazel:defs.bzl", "rust_binary", "rust_library", "rust_proc_macro")

rust_proc_macro(
    name = "waiting",
    srcs = ["waiting.rs"],
    edition = "2024",
)

rust_library(
    name = "held",
    srcs = ["held.rs"],
    edition = "2024",
    proc_macro_deps = [":waiting"],
)

rust_binary(
    name = "program",
    srcs = ["program.rs"],
    edition = "2024",
    deps = [":held"],
)
"#;

/// While WAIT is there, rustc waits in this macro, and writes its own number to REACHED.
const WAITING: &str = r#"use proc_macro::TokenStream;

#[proc_macro]
pub fn wait(_: TokenStream) -> TokenStream {
    if std::path::Path::new("WAIT").exists() {
        std::fs::write("REACHED.new", std::process::id().to_string()).expect("REACHED can be written");
        std::fs::rename("REACHED.new", "REACHED").expect("REACHED can be written");
    }
    while std::path::Path::new("WAIT").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    TokenStream::new()
}
"#;

const TARGETS: &[&str] = &["//tests/faults:program"];

const NO_WORKER: &str = "--//rules/bazel:worker=false";

/// Nobody ends what is suspended while a loaded machine takes its time; alike for both actions, for
/// they share a worker.
const PATIENT: [&str; 3] =
    [WORKER, "--worker_extra_flag=SplitlinkMetadata=--max-idle=600", "--worker_extra_flag=SplitlinkCodegen=--max-idle=600"];

struct Faults {
    watched: Watched,
    /// What a build without workers writes, by what the library's function returns.
    plain: [Files; 2],
}

impl Faults {
    fn make() -> Result<Self> {
        let mut faults = Self { watched: Watched::make()?, plain: Default::default() };
        let folder = faults.watched.clone.root.join("tests/faults");
        fs::create_dir_all(&folder)?;
        let _ = fs::remove_file(faults.wait());
        let _ = fs::remove_file(faults.reached());
        let waiting = WAITING.replace("WAIT", &faults.wait().to_string_lossy()).replace("REACHED", &faults.reached().to_string_lossy());
        for (name, text) in
            [("BUILD.bazel", BUILD), ("waiting.rs", &waiting), ("program.rs", "fn main() { std::process::exit(held::value()) }\n")]
        {
            fs::write(folder.join(name), text)?;
        }
        faults.watched.begin_anew()?;
        for value in [0, 1] {
            faults.write_source(value)?;
            faults.plain[value] = faults.watched.clone.build(&[NO_WORKER], TARGETS)?;
        }
        ensure!(faults.plain[0].contains_key("tests/faults/program"), "no program was built: {:?}", faults.plain[0].keys());
        ensure!(faults.plain[0] != faults.plain[1], "the source does not matter, so nothing is tested");
        Ok(faults)
    }

    fn wait(&self) -> PathBuf {
        self.watched.folder.join("wait")
    }

    fn reached(&self) -> PathBuf {
        self.watched.folder.join("reached")
    }

    fn write_source(&self, value: usize) -> Result<()> {
        let text = format!("waiting::wait!();\npub fn value() -> i32 {{\n    {value}\n}}\n");
        Ok(fs::write(self.source(), text)?)
    }

    fn source(&self) -> PathBuf {
        self.watched.clone.root.join("tests/faults/held.rs")
    }

    /// Makes the library's actions run again, none of which has been started by a worker yet.
    fn change_to(&self, value: usize) -> Result<()> {
        self.watched.build(&PATIENT, TARGETS)?;
        let before = fs::read_to_string(self.source())?;
        self.write_source(value)?;
        ensure!(fs::read_to_string(self.source())? != before, "the source is that of before, so nothing is compiled");
        self.watched.forget_starts()
    }

    /// Starts a build, has rustc stop in the library's macro, and hands its process to `fault`.
    fn in_the_macro<T>(&self, flags: &[&str], fault: impl FnOnce(std::process::Child, &str) -> Result<T>) -> Result<T> {
        fs::write(self.wait(), "")?;
        let build = self.watched.start(flags, TARGETS)?;
        wait_until("rustc waits in the macro", || self.reached().exists())?;
        let rustc = fs::read_to_string(self.reached())?;
        fs::remove_file(self.reached())?;
        ensure!(is_alive(&rustc), "rustc has the number {rustc}, and there is no such process");
        fault(build, &rustc)
    }

    fn go_on(&self) -> Result<()> {
        Ok(fs::remove_file(self.wait())?)
    }

    /// The next build, with workers, is that of the source as it is.
    fn next_is_right(&self, value: usize, after: &str) -> Result<()> {
        same(&self.plain[value], &self.watched.clone.build(&PATIENT, TARGETS)?, after)?;
        eprintln!("worker: right {after}");
        Ok(())
    }

    /// Starts what is suspended after a build of metadata alone, and returns its processes.
    fn suspended(&self) -> Result<Vec<String>> {
        self.watched.build(&[&PATIENT[..], &["--output_groups=plan"]].concat(), TARGETS)?;
        wait_until("the library's rustc stands still", || !self.watched.suspended().is_empty())?;
        Ok(self.watched.suspended())
    }
}

#[test]
fn whatever_happens_in_the_middle_of_a_build() -> Result<()> {
    let faults = Faults::make()?;
    faults.next_is_right(1, "without any fault")?;
    a_rustc_that_is_killed(&faults)?;
    a_suspended_rustc_that_is_killed(&faults)?;
    a_worker_that_is_killed(&faults)?;
    a_source_that_changes(&faults)?;
    a_build_that_is_interrupted(&faults)?;
    a_bazel_that_is_killed(&faults)?;
    json_and_a_log(&faults)?;
    faults.watched.shut_down()
}

fn a_rustc_that_is_killed(faults: &Faults) -> Result<()> {
    faults.change_to(0)?;
    let said = faults.in_the_macro(&PATIENT, |build, rustc| {
        kill("-KILL", rustc)?;
        faults.watched.failed(build)
    })?;
    ensure!(said.contains("rlib held (1 file) failed: (Killed)"), "the action that failed is not named, or not why:\n{said}");
    faults.go_on()?;
    faults.next_is_right(0, "after rustc was killed")
}

/// Nobody learns of it: the codegen action runs rustc once more.
fn a_suspended_rustc_that_is_killed(faults: &Faults) -> Result<()> {
    faults.change_to(1)?;
    let suspended = faults.suspended()?;
    let before = faults.watched.attached();
    for rustc in &suspended {
        kill("-KILL", rustc)?;
    }
    wait_until("they have ended", || !suspended.iter().any(|rustc| is_alive(rustc)))?;
    faults.next_is_right(1, "after suspended processes were killed")?;
    let again = faults.watched.attached() - before;
    ensure!(again == suspended.len(), "{} suspended processes were killed, and rustc was run {again} times", suspended.len());
    Ok(())
}

fn a_worker_that_is_killed(faults: &Faults) -> Result<()> {
    faults.change_to(0)?;
    faults.in_the_macro(&PATIENT, |build, rustc| {
        for worker in faults.watched.processes("--persistent_worker") {
            kill("-KILL", &worker)?;
        }
        wait_until("rustc ends with its worker", || !is_alive(rustc))?;
        faults.watched.failed(build)
    })?;
    faults.go_on()?;
    faults.next_is_right(0, "after the worker was killed")
}

/// Whichever source a build has seen, the next one is of the source as it is.
fn a_source_that_changes(faults: &Faults) -> Result<()> {
    // Before rustc has read it, but after Bazel has.
    faults.change_to(1)?;
    fs::write(faults.watched.hold(), "held")?;
    let build = faults.watched.start(&PATIENT, TARGETS)?;
    wait_until("the library is about to be compiled", || faults.watched.attached() > 0)?;
    faults.write_source(0)?;
    fs::remove_file(faults.watched.hold())?;
    faults.watched.wait(build)?;
    faults.next_is_right(0, "after a source changed before it was read")?;

    // While rustc compiles it: metadata and code of one process are of one source.
    faults.change_to(1)?;
    let (build, attached) = faults.in_the_macro(&PATIENT, |build, _| {
        faults.write_source(0)?;
        faults.go_on()?;
        Ok((faults.watched.wait(build)?, faults.watched.attached()))
    })?;
    // The library and the program.
    ensure!(build.status.success() && attached == 2, "{attached} processes:\n{}", String::from_utf8_lossy(&build.stderr));
    same(&faults.plain[1], &faults.watched.clone.written(&PATIENT)?, "while a source changed")?;
    faults.next_is_right(0, "after a source changed while it was compiled")?;

    // While it is suspended.
    faults.change_to(1)?;
    let suspended = faults.suspended()?;
    faults.write_source(0)?;
    faults.next_is_right(0, "after a source changed while rustc was suspended")?;
    ensure!(!suspended.iter().any(|rustc| is_alive(rustc)), "the process of the old source is still there");
    Ok(())
}

/// With cancellation rustc is ended at once, though it would wait forever.
fn a_build_that_is_interrupted(faults: &Faults) -> Result<()> {
    faults.change_to(1)?;
    faults.in_the_macro(&[&PATIENT[..], &["--experimental_worker_cancellation"]].concat(), |build, rustc| {
        kill("-INT", &build.id().to_string())?;
        wait_until("rustc ends", || !is_alive(rustc))?;
        faults.watched.failed(build)
    })?;
    ensure!(faults.watched.processes("attached").is_empty(), "something was left running");
    faults.go_on()?;
    faults.next_is_right(1, "after a build was interrupted")
}

/// Bazel speaks JSON as well, and with `--worker_verbose` a worker says what becomes of its
/// actions.
fn json_and_a_log(faults: &Faults) -> Result<()> {
    let rule = faults.watched.clone.root.join("rules/bazel/private/actions/compile_action.bzl");
    let text = fs::read_to_string(&rule)?;
    let (proto, json) = (r#""requires-worker-protocol": "proto""#, r#""requires-worker-protocol": "json""#);
    ensure!(text.contains(proto), "the rules no longer say {proto}");
    fs::write(&rule, text.replace(proto, json))?;
    faults.write_source(1)?;
    faults.watched.forget_starts()?;
    let built = faults.watched.clone.build(&[&PATIENT[..], &["--worker_verbose"]].concat(), TARGETS)?;
    same(&faults.plain[1], &built, "with JSON")?;
    ensure!(faults.watched.attached() > 0, "no worker was asked");
    let logs = fs::read_dir(format!("{}.output/bazel-workers", faults.watched.clone.root.display()))?;
    let logs: Vec<_> = logs.map(|entry| Ok(fs::read_to_string(entry?.path()).unwrap_or_default())).collect::<Result<_>>()?;
    for said in ["rmeta: suspended with ", "rmeta: resumed", "plan.json: started for no-link"] {
        ensure!(logs.iter().any(|log| log.contains(said)), "no log of a worker says `{said}`:\n{}", logs.join("\n"));
    }
    fs::write(&rule, text)?;
    eprintln!("worker: right in JSON");
    Ok(())
}

/// Its workers see the end of their input.
fn a_bazel_that_is_killed(faults: &Faults) -> Result<()> {
    faults.change_to(0)?;
    let server = faults.watched.clone.bazel().args(["info", "server_pid"]).output()?;
    let server = String::from_utf8(server.stdout)?.trim().to_owned();
    faults.in_the_macro(&PATIENT, |build, rustc| {
        kill("-KILL", &server)?;
        faults.watched.failed(build)?;
        wait_until("rustc ends", || !is_alive(rustc))
    })?;
    let left = || [faults.watched.processes("--persistent_worker"), faults.watched.processes("attached")].concat();
    wait_until("all else ends", || left().is_empty())?;
    faults.go_on()?;
    faults.next_is_right(0, "after Bazel was killed")
}

/// 200 libraries with two suspended processes at most, and with no memory for any.
#[test]
fn many_crates_and_little_room() -> Result<()> {
    const MANY: &[&str] = &["//tests/many:program"];
    let limited = |limit: &str| ["SplitlinkMetadata", "SplitlinkCodegen"].map(|action| format!("--worker_extra_flag={action}={limit}"));
    let watched = Watched::make()?;
    let folder = watched.clone.root.join("tests/many");
    fs::create_dir_all(&folder)?;
    let build = r#"load("//rules/bazel:defs.bzl", "rust_binary", "rust_library")

[rust_library(
    name = "c%d" % number,
    srcs = ["library.rs"],
    crate_root = "library.rs",
    edition = "2024",
    deps = [":c%d" % (number - 20)] if number >= 20 else [],
) for number in range(200)]

rust_binary(
    name = "program",
    srcs = ["program.rs"],
    edition = "2024",
    deps = [":c%d" % number for number in range(180, 200)],
)
"#;
    fs::write(folder.join("BUILD.bazel"), build)?;
    fs::write(folder.join("library.rs"), "#![no_std]\npub fn value() -> i32 {\n    1\n}\n")?;
    fs::write(folder.join("program.rs"), "fn main() {\n    std::process::exit(c199::value() - 1)\n}\n")?;
    watched.begin_anew()?;
    let plain = watched.clone.build(&[NO_WORKER, "--spawn_strategy=local"], MANY)?;
    ensure!(plain.keys().filter(|name| name.ends_with(".rlib")).count() == 200 && watched.attached() == 0, "{:?}", plain.keys());

    for (limit, most) in [("--max-suspended=2", 2), ("--max-suspended-memory=0", 0)] {
        let extra = limited(limit);
        let flags: Vec<_> = [WORKER].into_iter().chain(extra.iter().map(String::as_str)).collect();
        watched.begin_anew()?;
        // First the metadata of all, so that the limit is reached.
        watched.build(&[&flags[..], &["--output_groups=plan"]].concat(), MANY)?;
        let metadata = watched.attached();
        ensure!(metadata == 201, "{limit}: {metadata} processes for the metadata of 200 libraries and a program");
        wait_until("no more stand still than may", || watched.suspended().len() <= most)?;
        same(&plain, &watched.clone.build(&flags, MANY)?, limit)?;
        let again = watched.attached() - metadata;
        ensure!((200 - most..=200).contains(&again), "{limit}: {again} of 200 libraries were compiled again");
        eprintln!("worker: {limit}: {again} of 200 libraries were compiled again");
    }
    watched.shut_down()
}
