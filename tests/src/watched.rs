//! A clone of this repository that Bazel builds with workers, where every start of rustc is noted
//! and can be held up.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::checkout::Checkout;
use crate::real_programs::cache;
use crate::rustc_fixture::tools::{names_in, splitlink, write_program};

/// The flag that has workers compile.
pub const WORKER: &str = "--//rules/bazel:worker";

/// What Bazel's actions wrote: file name → contents.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A clone whose splitlink notes each time that it is started, which is how the processes of rustc
/// are counted.
#[derive(Debug)]
pub struct Watched {
    /// The clone.
    pub clone: Checkout,
    /// A folder for whatever a test writes beside it.
    pub folder: PathBuf,
}

/// The start of a process that runs rustc.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// When, in seconds since midnight (UTC).
    pub at: f64,
    /// The crate that it compiles.
    pub crate_name: String,
}

impl Watched {
    /// Makes the clone, which one test at a time has.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make() -> Result<Self> {
        let folder = cache()?.join("worker");
        fs::create_dir_all(&folder)?;
        let watched = Self { clone: Checkout::make_shared()?, folder };
        let (real, calls, hold) = (watched.real(), watched.calls(), watched.hold());
        let _ = fs::remove_file(&real);
        write_program(&real, fs::read(splitlink())?)?;
        let _ = fs::remove_file(&hold);
        let script = format!(
            r#"#!/bin/bash
for word; do [[ $word != --crate-name=* ]] || crate=${{word#*=}}; done
echo "$1 $EPOCHREALTIME $crate" 2>/dev/null >>{calls:?} || true
[ "$1" != attached ] || while [ -e {hold:?} ] && crates=$(<{hold:?}) && [[ -z $crates || $crates == "$crate" ]]; do sleep 0.05; done
exec -a "$0" {real:?} "$@"
"#
        );
        let tool = watched.clone.root.join("prebuilt/splitlink");
        // A worker of the test before may still run.
        fs::remove_file(&tool)?;
        write_program(&tool, script)?;
        Ok(watched)
    }

    fn real(&self) -> PathBuf {
        self.folder.join("splitlink")
    }

    fn calls(&self) -> PathBuf {
        self.folder.join("calls")
    }

    /// While this file is there, nothing that would run rustc in a worker goes on; if it names a
    /// crate, only for that one.
    pub fn hold(&self) -> PathBuf {
        self.folder.join("hold")
    }

    /// Makes the next build a build of everything in the clone, by workers of its own.
    ///
    /// # Errors
    /// If what is there cannot be removed, or a worker does not end.
    pub fn begin_anew(&self) -> Result<()> {
        for worker in self.processes("--persistent_worker") {
            // It may have ended by itself.
            let _ = kill("-KILL", &worker);
        }
        wait_until("the workers have ended", || self.processes("--persistent_worker").is_empty() && self.processes("attached").is_empty())?;
        self.clone.remove_outputs()?;
        self.forget_starts()
    }

    /// Counts from nothing again.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn forget_starts(&self) -> Result<()> {
        Ok(fs::write(self.calls(), "")?)
    }

    /// What a worker has started to run rustc.
    ///
    /// # Errors
    /// If a line of the script's is not understood.
    pub fn starts(&self) -> Result<Vec<Start>> {
        let text = fs::read_to_string(self.calls()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix("attached "));
        lines
            .map(|line| {
                let (at, crate_name) = line.split_once(' ').with_context(|| format!("the line `{line}`"))?;
                Ok(Start { at: at.parse::<f64>().with_context(|| format!("the time `{at}`"))? % DAY, crate_name: crate_name.to_owned() })
            })
            .collect()
    }

    /// How often a worker has started the processes that run rustc.
    pub fn attached(&self) -> usize {
        fs::read_to_string(self.calls()).unwrap_or_default().lines().filter(|call| call.starts_with("attached ")).count()
    }

    /// The worker's processes, or those that it started: of this clone's splitlink, with
    /// `argument`.
    pub fn processes(&self, argument: &str) -> Vec<String> {
        let runs = |id: &String| {
            let of_clone = fs::read_link(Path::new("/proc").join(id).join("exe")).is_ok_and(|exe| exe == self.real());
            of_clone && words_of(id).iter().any(|word| word == argument)
        };
        all_processes().filter(runs).collect()
    }

    /// The rustc processes of this clone that stand still.
    pub fn suspended(&self) -> Vec<String> {
        let workers = self.processes("attached");
        let of_clone = |stat: &Stat| stat.state == 'T' && workers.contains(&stat.parent);
        all_processes().filter(|id| Stat::of(id).is_some_and(|stat| of_clone(&stat))).collect()
    }

    /// Starts a build of everything in which no rustc gets further than its start, and waits until
    /// one is there.
    ///
    /// # Errors
    /// If none comes.
    pub fn held_build(&self, flags: &[&str], targets: &[&str]) -> Result<Child> {
        self.begin_anew()?;
        fs::write(self.hold(), "")?;
        let build = self.start(flags, targets)?;
        wait_until("a worker has started something", || self.attached() > 0)?;
        Ok(build)
    }

    /// Starts a build.
    ///
    /// # Errors
    /// If that is impossible.
    pub fn start(&self, flags: &[&str], targets: &[&str]) -> Result<Child> {
        Ok(self.clone.build_command(flags, targets).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?)
    }

    /// Waits until `build` has ended, and returns what it said.
    ///
    /// A worker that dies at a bad moment leaves Bazel 7 waiting for itself (bazelbuild/bazel#22578):
    /// one thread holds the lock of its resources and waits for a place among the workers, another
    /// has that place and waits for the lock. If there is no worker that could be waited for, Bazel's
    /// server is ended and the build fails, as it does where a user interrupts it.
    ///
    /// # Errors
    /// If that is impossible.
    pub fn wait(&self, build: Child) -> Result<Output> {
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || ended.send(build.wait_with_output()));
        let mut worked = None;
        loop {
            match end.recv_timeout(STANDSTILL) {
                Ok(output) => return Ok(output?),
                Err(RecvTimeoutError::Disconnected) => bail!("nobody waits for the build any more"),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let server = self.clone.output_base().join("server/server.pid.txt");
            let server = fs::read_to_string(&server).with_context(|| format!("cannot read {}", server.display()))?;
            let now = Stat::of(server.trim()).map_or(0.0, |stat| stat.processor_seconds);
            // Looking at itself takes Bazel a hundredth of a processor's time.
            let is_idle = worked.replace(now).is_some_and(|before| now - before < STANDSTILL.as_secs_f64() / 20.0);
            if is_idle && self.processes("--persistent_worker").is_empty() {
                // As `skip` has it: libtest hides what passing tests print otherwise.
                let _ = writeln!(std::io::stderr(), "Bazel waits, and no worker is there (bazelbuild/bazel#22578): its server is ended");
                kill("-KILL", server.trim())?;
            }
        }
    }

    /// Lets a held build go on, and waits until it has failed.
    ///
    /// # Errors
    /// If it does not fail.
    pub fn fail(&self, build: Child) -> Result<String> {
        fs::remove_file(self.hold())?;
        self.failed(build)
    }

    /// Waits until `build` has failed, and returns what it said.
    ///
    /// # Errors
    /// If it does not fail.
    pub fn failed(&self, build: Child) -> Result<String> {
        let output = self.wait(build)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "the build succeeded:\n{said}");
        Ok(said)
    }

    /// Builds, whatever it writes.
    ///
    /// # Errors
    /// If Bazel fails.
    pub fn build(&self, flags: &[&str], targets: &[&str]) -> Result<()> {
        let output = self.clone.build_command(flags, targets).output()?;
        ensure!(output.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Ends Bazel and, so, its workers.
    ///
    /// # Errors
    /// If something is left.
    pub fn shut_down(&self) -> Result<()> {
        self.clone.bazel().arg("shutdown").output()?;
        wait_until("nothing is left", || self.processes("--persistent_worker").is_empty() && self.processes("attached").is_empty())
    }
}

/// After what time without an end it is looked whether a build goes on.
const STANDSTILL: Duration = Duration::from_secs(60);

/// The seconds of a day.
pub const DAY: f64 = 86400.0;

/// What the kernel says of a process.
struct Stat {
    state: char,
    parent: String,
    processor_seconds: f64,
}

impl Stat {
    fn of(id: &str) -> Option<Self> {
        let stat = fs::read_to_string(Path::new("/proc").join(id).join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let (state, parent) = (fields.next()?.chars().next()?, fields.next()?.to_owned());
        // Outside of the kernel and in it, in hundredths of a second, on Linux always.
        let processor_seconds = fields.skip(9).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0;
        Some(Self { state, parent, processor_seconds })
    }
}

fn all_processes() -> impl Iterator<Item = String> {
    names_in("/proc".as_ref()).into_iter().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
}

fn words_of(id: &str) -> Vec<String> {
    let command = fs::read(Path::new("/proc").join(id).join("cmdline")).unwrap_or_default();
    command.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// Whether a process is there, and no zombie.
pub fn is_alive(id: &str) -> bool {
    Stat::of(id).is_some_and(|stat| stat.state != 'Z' && stat.state != 'X')
}

/// Waits until `done` says so.
///
/// # Errors
/// If it does not for minutes.
pub fn wait_until(what: &str, done: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > Duration::from_secs(300) {
            bail!("{what}: not so after five minutes");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Sends a signal (`-KILL`, say) to a process.
///
/// # Errors
/// If there is no such process.
pub fn kill(signal: &str, process: &str) -> Result<()> {
    ensure!(Command::new("kill").args([signal, process]).status()?.success(), "cannot send {signal} to {process}");
    Ok(())
}

/// Checks that a build wrote what a `plain` one, without workers, writes.
///
/// # Errors
/// With the names of what differs.
pub fn same(plain: &Files, other: &Files, how: &str) -> Result<()> {
    ensure!(plain.keys().eq(other.keys()), "{how}: other files were built:\n{:?}\n{:?}", plain.keys(), other.keys());
    // In their response files the forms of the actions differ.
    let differs = |name: &str, bytes: &[u8]| !name.ends_with(".params") && other[name] != bytes;
    let different: Vec<_> = plain.iter().filter(|(name, bytes)| differs(name, bytes)).map(|(name, _)| name.as_str()).collect();
    ensure!(different.is_empty(), "{how}: these files differ from those of a build without workers:\n  {}", different.join("\n  "));
    Ok(())
}
