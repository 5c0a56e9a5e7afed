//! A real Buck2, and a project for it in a folder of its own: `tests/buck2_workspace`, with this
//! repository's rules and examples as the cell `splitlink`.

use crate::rustc_fixture::tools::{self, empty_folder, repository, run, skip, succeed};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// What says where Buck2 is.
const VARIABLE: &str = "BUCK2";

/// The program, if there is one; else says aloud what is not tested.
fn program() -> Option<OsString> {
    let found = std::env::var_os(VARIABLE);
    let program = found.clone().unwrap_or_else(|| "buck2".into());
    let answer = Command::new(&program).arg("--version").output();
    if answer.is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    assert!(found.is_none(), "{VARIABLE} is {}, which does not run as Buck2", program.display());
    skip(&format!(
        "no `buck2` on the PATH: nothing is built with the Buck2 rules; install it from https://github.com/facebook/buck2/releases \
         (or set {VARIABLE} to one) to enable these tests"
    ));
    None
}

/// A project with a Buck2 of its own, which ends with it.
pub struct Project {
    program: OsString,
    /// The project's folder.
    pub root: PathBuf,
}

/// An action that ran: what for, which, and when.
#[derive(Debug)]
pub struct Ran {
    /// The target, without its configuration.
    pub target: String,
    /// Category and identifier, as `rustc rlib [pic]`.
    pub action: String,
    /// Where it ran: `Local`, or `Re`, remotely.
    pub executor: String,
}

impl Project {
    /// Lays out the project in a test's folder of the name `name`, if there is a Buck2.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn new(name: &str) -> Result<Option<Self>> {
        Self::lay_out(empty_folder(name)?)
    }

    /// Lays out the project in the folder `root`, which is empty or not there, if there is a Buck2.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn lay_out(root: PathBuf) -> Result<Option<Self>> {
        let Some(program) = program() else { return Ok(None) };
        let project = Self { program, root };
        copy(&repository().join("tests/buck2_workspace"), &project.root)?;
        project.add(&["rules/buck2", "rules/common", "examples"])?;
        fs::copy(tools::splitlink(), project.tool())?;
        fs::copy(tools::splitlink().with_file_name("splitlink-lto"), project.root.join("toolchains/splitlink_lto_program"))?;
        Ok(Some(project))
    }

    /// The splitlink that the project's toolchain runs.
    pub fn tool(&self) -> PathBuf {
        self.root.join("toolchains/splitlink_program")
    }

    /// Copies parts of this repository to where the rules are.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn add(&self, parts: &[&str]) -> Result<()> {
        for part in parts {
            let (from, to) = (repository().join(part), self.root.join("splitlink").join(part));
            fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            if from.is_dir() { copy(&from, &to)? } else { _ = fs::copy(from, to)? }
        }
        Ok(())
    }

    /// Changes the project's toolchains: each text must be there once, and is exchanged.
    ///
    /// # Errors
    /// If a text is not there.
    pub fn change_toolchains(&self, changes: &[(&str, &str)]) -> Result<()> {
        let path = self.root.join("toolchains/BUCK");
        let mut text = fs::read_to_string(&path)?;
        for (old, new) in changes {
            if text.matches(old).count() != 1 {
                bail!("toolchains/BUCK does not have this once: {old}");
            }
            text = text.replace(old, new);
        }
        Ok(fs::write(path, text)?)
    }

    /// Writes a file of the project, and the folders above it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &str, contents: &str) -> Result<()> {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        Ok(fs::write(path, contents)?)
    }

    /// Has the project's C++ toolchain a `split_debug_mode`.
    ///
    /// # Errors
    /// If the toolchain is not there.
    pub fn set_split_debug_mode(&self, mode: &str) -> Result<()> {
        let toolchain = format!(
            "load(\"@root//attributes:toolchain.bzl\", \"cxx_toolchain_with\")\n\n\
             cxx_toolchain_with(\n    name = \"cxx\",\n    base = \":cxx_whole\",\n    split_debug_mode = \"{mode}\",\n    \
             visibility = [\"PUBLIC\"],\n)\n\nsystem_cxx_toolchain(\n    name = \"cxx_whole\","
        );
        self.change_toolchains(&[("system_cxx_toolchain(\n    name = \"cxx\",", &toolchain)])
    }

    /// A Buck2 command.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // `cargo test` sets it for itself; the project's rustc is the one on the PATH.
        command.args(args).current_dir(&self.root).env_remove("RUSTUP_TOOLCHAIN");
        command
    }

    /// Runs Buck2, which has to succeed, and returns what it prints.
    ///
    /// # Errors
    /// With all it says, if it fails.
    pub fn buck2(&self, args: &[&str]) -> Result<String> {
        Ok(String::from_utf8(succeed(&mut self.command(args))?.stdout)?)
    }

    /// Runs Buck2, which has to fail, and returns what it says.
    ///
    /// # Errors
    /// If it succeeds.
    pub fn buck2_fails(&self, args: &[&str]) -> Result<String> {
        let output: Output = run(&mut self.command(args))?;
        if output.status.success() {
            bail!("buck2 {args:?} succeeded");
        }
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Builds a target and returns its file.
    ///
    /// # Errors
    /// If it cannot be built, or has not one file.
    pub fn build(&self, target: &str) -> Result<PathBuf> {
        self.build_with(&[], target)
    }

    /// As [`Self::build`], with flags.
    ///
    /// # Errors
    /// As of [`Self::build`].
    pub fn build_with(&self, flags: &[&str], target: &str) -> Result<PathBuf> {
        let printed = self.buck2(&[&["build", "--show-simple-output", target], flags].concat())?;
        let file = printed.trim();
        if file.is_empty() || file.contains('\n') {
            bail!("{target} has not one file: {printed}");
        }
        Ok(self.root.join(file))
    }

    /// The tests that match `pattern`.
    ///
    /// # Errors
    /// If Buck2 does not say.
    pub fn tests(&self, pattern: &str) -> Result<BTreeSet<String>> {
        let listed = self.buck2(&["uquery", &format!("kind('_test$', {pattern})")])?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Runs the tests that match `pattern`, all of which have to pass, and returns those that did.
    ///
    /// # Errors
    /// With all that Buck2 says, if a test fails or cannot be built.
    pub fn passed(&self, pattern: &str, flags: &[&str]) -> Result<BTreeSet<String>> {
        let output = succeed(&mut self.command(&[&["test", pattern], flags].concat()))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        let tests = text.lines().filter_map(|line| line.split_once("Pass: ")?.1.split(' ').next());
        Ok(tests.map(str::to_owned).collect())
    }

    /// Builds the sub-target `name` of a target, a file of JSON, and reads it.
    ///
    /// # Errors
    /// If it cannot be built, or is no JSON.
    pub fn json(&self, target: &str, name: &str) -> Result<Value> {
        let file = self.build(&format!("{target}[{name}]"))?;
        let text = fs::read_to_string(&file)?;
        serde_json::from_str(&text).with_context(|| format!("{}: {text}", file.display()))
    }

    /// The actions that the last command ran.
    ///
    /// # Errors
    /// If Buck2 does not say.
    pub fn ran(&self) -> Result<Vec<Ran>> {
        let log = self.buck2(&["log", "what-ran", "--format=json"])?;
        log.lines()
            .map(|line| {
                let entry: Value = serde_json::from_str(line)?;
                let identity = entry["identity"].as_str().context("an action has an identity")?;
                // `cell//package:name (configuration) (category identifier)`; of a test only its
                // name.
                let (target, rest) = identity.split_once(" (").unwrap_or((identity, ""));
                let action = rest.rsplit_once(" (").map_or("", |(_, action)| action).trim_end_matches(')');
                let executor = entry["reproducer"]["executor"].as_str().unwrap_or_default();
                Ok(Ran { target: target.to_owned(), action: action.to_owned(), executor: executor.to_owned() })
            })
            .collect()
    }

    /// When each action of the last command began and ended, by its target's name and its category:
    /// from Buck2's event log.
    ///
    /// # Errors
    /// If Buck2 does not say.
    pub fn spans(&self) -> Result<BTreeMap<(String, String), (Duration, Duration)>> {
        let mut begun = HashMap::new();
        let mut spans = BTreeMap::new();
        for line in self.buck2(&["log", "show"])?.lines() {
            let event = &serde_json::from_str::<Value>(line)?["Event"];
            let (seconds, nanos) = (event["timestamp"][0].as_u64(), event["timestamp"][1].as_u64().and_then(|nanos| nanos.try_into().ok()));
            let (Some(id), Some(seconds), Some(nanos)) = (event["span_id"].as_u64(), seconds, nanos) else { continue };
            let at = Duration::new(seconds, nanos);
            let start = &event["data"]["SpanStart"]["data"]["ActionExecution"];
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            if start.is_object() {
                let target = word(&start["key"]["owner"]["TargetLabel"]["label"]["package"])
                    + ":"
                    + &word(&start["key"]["owner"]["TargetLabel"]["label"]["name"]);
                let action = format!("{} {}", word(&start["name"]["category"]), word(&start["name"]["identifier"]));
                begun.insert(id, ((target, action), at));
            } else if event["data"]["SpanEnd"].is_object()
                && let Some((name, began)) = begun.remove(&id)
            {
                spans.insert(name, (began, at));
            }
        }
        Ok(spans)
    }

    /// The kinds of actions that the last command ran.
    ///
    /// # Errors
    /// As of [`Self::ran`].
    pub fn categories(&self) -> Result<BTreeSet<String>> {
        let category = |ran: Ran| ran.action.split(' ').next().unwrap_or_default().to_owned();
        Ok(self.ran()?.into_iter().map(category).filter(|category| !category.is_empty()).collect())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // Else its daemon stays and waits for more.
        let _ = self.command(&["kill"]).output();
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
