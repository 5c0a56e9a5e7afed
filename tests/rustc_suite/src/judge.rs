//! One test with rustc and with splitlink, and what comes of the comparison.

use crate::attempt::{Attempt, Beside};
use crate::driver::{self, Settings};
use crate::machine::Machine;
use crate::results::{TestResult, Verdict};
use crate::{Options, Suite, run_make, ui};
use anyhow::{Context, Result, bail};
use splitlink_tests::rustc_fixture::tools::{Toolchain, splitlink};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use twox_hash::XxHash3_128;

/// Tests that were not tried, and why.
pub(crate) type NotTried = Vec<(String, String)>;

/// Why a test says nothing whose output is another each time.
pub(crate) const UNSTEADY: &str = "differs from run to run with plain rustc";

/// A test of one of the suites.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Ui(ui::Test),
    RunMake(run_make::Test),
}

impl Test {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Ui(test) => &test.name,
            Self::RunMake(test) => &test.name,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Ui(test) => test.text(),
            Self::RunMake(test) => test.text(),
        }
    }

    fn expects(&self, attempt: &Attempt) -> bool {
        match self {
            Self::Ui(test) => test.expects(attempt),
            Self::RunMake(_) => matches!(attempt, Attempt::Built(_)),
        }
    }
}

/// What tests are judged with.
pub(crate) struct Judge<'a> {
    options: &'a Options,
    toolchain: &'static Toolchain,
    machine: Machine,
    splitlink: PathBuf,
    std_manifest: PathBuf,
    work: PathBuf,
    /// The folder for what belongs to this very tool.
    tool: PathBuf,
    /// The folder for what it came to.
    pub(crate) results: PathBuf,
    run_make: Option<run_make::RunMake<'static>>,
    plain: Plain,
}

/// How plain rustc does, kept from one run to the next: it is the same in all modes.
struct Plain {
    known: std::collections::BTreeMap<String, (bool, Attempt)>,
    file: Mutex<File>,
}

impl<'a> Judge<'a> {
    /// Prepares what all tests need.
    pub(crate) fn new(options: &'a Options) -> Result<Self> {
        let toolchain = Toolchain::stable();
        fs::create_dir_all(&options.folder)?;
        let folder = fs::canonicalize(&options.folder)?;
        let source = fs::canonicalize(&options.source)?;
        let splitlink = own_copy(&folder)?;
        let tool = splitlink.parent().unwrap_or(Path::new("")).to_owned();
        let std_manifest = tool.join("std.json");
        if !std_manifest.exists() {
            let mut command = Command::new(&splitlink);
            command
                .args(["std-manifest", "--rustc"])
                .arg(&toolchain.rustc)
                .arg("--libdir")
                .arg(toolchain.libdir())
                .arg("--output")
                .arg(&std_manifest);
            if !command.status()?.success() {
                bail!("std-manifest fails (its message is above)");
            }
        }
        let work = folder.join(format!("work/{}", std::process::id()));
        remove_abandoned(&folder.join("work"))?;
        fs::create_dir_all(&work)?;
        let run_make = (options.suite == Suite::RunMake).then(|| run_make::RunMake::new(toolchain, &source, &folder)).transpose()?;
        let plain = Plain::open(&folder.join(format!(
            "plain-{}-{}.jsonl",
            options.suite_name(),
            if options.dynamic { "dynamic" } else { "static" }
        )))?;
        Ok(Self {
            options,
            toolchain,
            machine: Machine::new(toolchain)?,
            splitlink,
            std_manifest,
            work,
            results: tool.join(options.mode()),
            tool,
            run_make,
            plain,
        })
    }

    /// The tests that apply, and why others do not.
    pub(crate) fn find(&self, tests: &Path) -> Result<(Vec<Test>, NotTried)> {
        let tests = fs::canonicalize(tests)?;
        Ok(match self.options.suite {
            Suite::Ui => {
                let (mut tests, skipped) = ui::find(&tests, &self.machine)?;
                tests.retain(|test| !self.options.interfaces || test.has_auxiliaries());
                (tests.into_iter().map(Test::Ui).collect(), skipped)
            }
            Suite::RunMake => {
                let (tests, skipped) = run_make::find(&tests, &self.machine)?;
                (tests.into_iter().map(Test::RunMake).collect(), skipped)
            }
        })
    }

    /// The verdict on `test`, and the whole story if it differs.
    pub(crate) fn judge(&self, test: &Test, number: usize) -> Result<(TestResult, Option<String>)> {
        let text = test.text();
        let result = |verdict, bootstrap| TestResult { test: test.name().to_owned(), verdict, bootstrap };
        let place = Place { folder: self.work.join(number.to_string()) };
        let (bootstrap, plain) = self.plain_attempt(test, &text, &place)?;
        if !test.expects(&plain) {
            let why = match &plain {
                Attempt::NotBuilt(_) => "fails with plain rustc: it is not built",
                Attempt::Built(_) => "fails with plain rustc: its program goes otherwise than it must",
            };
            return Ok((result(Verdict::Skipped(why.into()), bootstrap), None));
        }
        let mut split = self.split_attempt(test, &text, bootstrap, &place)?;
        let steps = driver::steps(&place.driver());
        if split.difference(&plain).is_some() && matches!(&split, Attempt::NotBuilt(outcome) if outcome.status == "timed out") {
            split = self.split_attempt(test, &text, bootstrap, &place)?;
        }
        let Some(difference) = split.difference(&plain) else {
            let has_interface = || steps.lines().any(|step| step.trim_end() == driver::HAS_INTERFACE);
            let verdict = if self.options.interfaces && !has_interface() {
                Verdict::Skipped("has no auxiliary crate with an interface but itself".into())
            } else if steps.contains("splitlink ") {
                Verdict::Same
            } else {
                Verdict::Skipped("has nothing built that splitlink builds".into())
            };
            return Ok((result(verdict, bootstrap), None));
        };
        let kept = if self.options.keep { Some(place.keep(&self.results, test.name())?) } else { None };
        let told = |difference: &str, other: &Attempt| {
            format!(
                "{}\n{difference}\n\n=== rustc\n{}\n=== splitlink\n{}\n=== the driver's steps\n{steps}",
                test.name(),
                other.shown(),
                split.shown()
            )
        };
        if matches!(split, Attempt::Built(_)) {
            // Is it the same each time, and the same with rustc's own LTO?
            let rustc = &self.toolchain.rustc;
            let mut runs = vec![plain.clone()];
            runs.push(self.attempt(test, rustc, bootstrap, None, &place)?);
            while runs.len() <= RUNS && runs.last().is_some_and(|last| split.difference(last).is_some()) {
                let Test::Ui(test) = test else { break };
                runs.push(self.ui().run(test, &place.test())?);
            }
            if runs.iter().any(|run| split.difference(run).is_none()) {
                return Ok((result(Verdict::Same, bootstrap), None));
            }
            match split.beside(&runs) {
                Beside::AnotherOrder => return Ok((result(Verdict::Same, bootstrap), None)),
                Beside::Unsteady => {
                    let story = told(&format!("{difference}\nbut with rustc alone, too"), &plain);
                    return Ok((result(Verdict::Skipped(UNSTEADY.into()), bootstrap), Some(story)));
                }
                Beside::Differs => {}
            }
            if self.options.lto.is_some() {
                let lto = self.attempt(test, rustc, bootstrap, Some(self.options.lto()), &place)?;
                if matches!(lto, Attempt::Built(_)) && split.difference(&lto).is_none() {
                    return Ok((result(Verdict::Same, bootstrap), None));
                }
            }
        }
        let mut story = told(&difference, &plain);
        if let Some(kept) = kept {
            story += &format!("\nkept in {}\n", kept.display());
        }
        Ok((result(Verdict::Differs(difference), bootstrap), Some(story)))
    }

    /// How plain rustc does, and whether it needs RUSTC_BOOTSTRAP=1.
    fn plain_attempt(&self, test: &Test, text: &str, place: &Place) -> Result<(bool, Attempt)> {
        if let Some(known) = self.plain.known.get(test.name()) {
            return Ok(known.clone());
        }
        let rustc = &self.toolchain.rustc;
        let mut bootstrap = text.contains("feature(") || text.contains("-Z");
        let mut attempt = self.attempt(test, rustc, bootstrap, None, place)?;
        if !bootstrap && !test.expects(&attempt) {
            let other = self.attempt(test, rustc, true, None, place)?;
            if test.expects(&other) {
                (bootstrap, attempt) = (true, other);
            }
        }
        self.plain.keep(test.name(), bootstrap, &attempt)?;
        Ok((bootstrap, attempt))
    }

    fn split_attempt(&self, test: &Test, text: &str, bootstrap: bool, place: &Place) -> Result<Attempt> {
        let asks_for_lto = text.contains("lto");
        let settings = Settings {
            splitlink: self.splitlink.clone(),
            rustc: self.toolchain.rustc.clone(),
            sysroot: self.toolchain.sysroot.clone(),
            std_manifest: self.std_manifest.clone(),
            lto: self.options.lto().to_owned(),
            variants: if self.options.lto.is_some() { text.contains("proc-macro") || text.contains("proc_macro") } else { asks_for_lto },
            interfaces: self.options.interfaces,
            lto_cache: self.tool.join("lto-cache"),
            folder: PathBuf::new(),
        };
        let _ = fs::remove_dir_all(place.driver());
        let driver = driver::install(&place.driver(), &settings)?;
        self.attempt(test, &driver, bootstrap, None, place)
    }

    fn attempt(&self, test: &Test, rustc: &Path, bootstrap: bool, lto: Option<&str>, place: &Place) -> Result<Attempt> {
        // The same folder each time: its name is in programs and messages.
        let work = place.test();
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work)?;
        match test {
            Test::Ui(test) => self.ui().attempt(test, rustc, bootstrap, lto, &work),
            Test::RunMake(test) => self.run_make.as_ref().context("no run-make")?.attempt(test, rustc, bootstrap, &work),
        }
    }
}

impl Judge<'_> {
    fn ui(&self) -> ui::Ui<'_> {
        ui::Ui { toolchain: self.toolchain, dynamic: self.options.dynamic }
    }
}

impl Drop for Judge<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.work);
    }
}

/// The folder that one test works in.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn test(&self) -> PathBuf {
        self.folder.join("test")
    }

    fn driver(&self) -> PathBuf {
        self.folder.join("driver")
    }

    /// Copies the folder for somebody to look at.
    fn keep(&self, results: &Path, name: &str) -> Result<PathBuf> {
        let to = results.join("kept").join(name.replace(['/', '#'], "+"));
        let _ = fs::remove_dir_all(&to);
        fs::create_dir_all(&to)?;
        Command::new("cp").arg("-a").arg(&self.folder).arg(&to).status()?;
        Ok(to)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Plain {
    fn open(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let entry = |line: &str| serde_json::from_str::<(String, bool, Attempt)>(line).ok();
        let known = text.lines().filter_map(entry).map(|(test, bootstrap, attempt)| (test, (bootstrap, attempt))).collect();
        let file = File::options().append(true).create(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            writeln!(&file)?;
        }
        Ok(Self { known, file: Mutex::new(file) })
    }

    fn keep(&self, test: &str, bootstrap: bool, attempt: &Attempt) -> Result<()> {
        let line = serde_json::to_string(&(test, bootstrap, attempt))?;
        writeln!(self.file.lock().expect("no writer panics"), "{line}")?;
        Ok(())
    }
}

/// How often rustc's own program is run where another's outputs differ.
const RUNS: usize = 40;

/// Raise it when tests are run in another way, so that verdicts of before are not taken up.
const RUNNER: u32 = 2;

/// A copy of the splitlink under test and its engine of LTO, in a folder named for their contents:
/// a build that goes on beside a long run does not change what is judged.
fn own_copy(folder: &Path) -> Result<PathBuf> {
    let tool = splitlink();
    let engine = tool.with_file_name("splitlink-lto");
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    let bytes = [read(tool)?, read(&engine)?, RUNNER.to_le_bytes().to_vec()].concat();
    let own = folder.join(format!("results-{:032x}", XxHash3_128::oneshot(&bytes)));
    fs::create_dir_all(&own)?;
    for from in [tool, &engine] {
        let to = own.join(from.file_name().context("no file name")?);
        if !to.exists() {
            let status = Command::new("cp").arg(from).arg(&to).status()?;
            if !status.success() {
                bail!("cannot copy `{}`", from.display());
            }
        }
    }
    Ok(own.join("splitlink"))
}

/// Removes the folders of runs that are no more.
fn remove_abandoned(work: &Path) -> Result<()> {
    for entry in fs::read_dir(work).into_iter().flatten() {
        let entry = entry?;
        if !Path::new("/proc").join(entry.file_name()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
