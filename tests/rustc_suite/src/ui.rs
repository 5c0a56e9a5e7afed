//! tests/ui: the programs among them, compiled, linked and run as compiletest does it
//! (`runtest::TestCx::make_compile_args`, `build_auxiliary` and `exec_compiled_test`, 1.95).
//!
//! Differently from compiletest, what can be linked statically is, but with `--dynamic`; and flags
//! that concern only the form of messages are left out.

use crate::attempt::Attempt;
use crate::directives::Directives;
use crate::judge::NotTried;
use crate::machine::Machine;
use crate::running::{self, Outcome};
use anyhow::{Context, Result};
use splitlink_tests::rustc_fixture::tools::Toolchain;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long one compilation may take, and one program, in seconds.
const COMPILATION: u64 = 400;
const PROGRAM: u64 = 120;

/// What is to become of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is built and not run.
    Build,
    /// It is run, and succeeds.
    Pass,
    /// It is run, and fails.
    Fail,
}

/// A test with one of its revisions.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    /// Its name: the path below tests/, and the revision.
    pub(crate) name: String,
    file: PathBuf,
    directives: Directives,
    revision: Option<String>,
    kind: Kind,
}

/// How the tests are run.
pub(crate) struct Ui<'a> {
    pub(crate) toolchain: &'a Toolchain,
    /// Whether dylibs are preferred, and auxiliary crates are dylibs.
    pub(crate) dynamic: bool,
}

/// All tests below `folder` that are linked and apply, and why others are not tried.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn find(folder: &Path, machine: &Machine) -> Result<(Vec<Test>, NotTried)> {
    let (mut tests, mut skipped) = (Vec::new(), Vec::new());
    let mut files = Vec::new();
    collect(folder, &mut files).with_context(|| format!("cannot read the tests in `{}`", folder.display()))?;
    files.sort();
    let root = folder.parent().unwrap_or(folder);
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(&file)?).into_owned();
        let directives = Directives::parse(&text);
        for revision in directives.revisions() {
            let mut name = file.strip_prefix(root)?.display().to_string();
            if let Some(revision) = &revision {
                name += &format!("#{revision}");
            }
            let has = |names: &[&str]| names.iter().any(|name| directives.has(name, revision.as_deref()));
            let kind = if has(&["run-pass"]) {
                Kind::Pass
            } else if has(&["run-fail", "run-crash", "run-fail-or-crash"]) {
                Kind::Fail
            } else if has(&["build-pass"]) {
                Kind::Build
            } else {
                skipped.push((name, "links nothing: it is only checked, or does not compile".to_owned()));
                continue;
            };
            let flags = directives.flags("compile-flags", revision.as_deref());
            let why = if let Some(why) = machine.refuses(&directives, revision.as_deref()) {
                Some(format!("does not apply: {why}"))
            } else if has(&["add-minicore"]) || flags.iter().any(|flag| flag.starts_with("--target")) {
                Some("is for another target".to_owned())
            } else {
                None
            };
            match why {
                Some(why) => skipped.push((name, why)),
                None => tests.push(Test { name, file: file.clone(), directives: directives.clone(), revision, kind }),
            }
        }
    }
    Ok((tests, skipped))
}

/// The sources below `folder` that are tests of their own.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "auxiliary") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

impl Test {
    /// All that its sources say, auxiliary crates included.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&fs::read(&self.file).unwrap_or_default()).into_owned();
        for path in self.auxiliary_names() {
            text += &fs::read_to_string(self.auxiliary(&path)).unwrap_or_default();
        }
        text
    }

    fn auxiliary_names(&self) -> Vec<String> {
        let values = ["aux-build", "aux-bin", "aux-crate", "proc-macro"].map(|name| self.directives.values(name, self.revision()));
        values.into_iter().flatten().map(|value| value.rsplit('=').next().unwrap_or_default().to_owned()).collect()
    }

    /// Whether it has auxiliary crates.
    pub(crate) fn has_auxiliaries(&self) -> bool {
        !self.auxiliary_names().is_empty()
    }

    fn auxiliary(&self, path: &str) -> PathBuf {
        self.file.with_file_name("auxiliary").join(path)
    }

    fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// Whether the program went as the test says it must.
    pub(crate) fn expects(&self, attempt: &Attempt) -> bool {
        match (attempt, self.kind) {
            (Attempt::NotBuilt(_), _) => false,
            (Attempt::Built(Some(outcome)), Kind::Pass) => outcome.success(),
            (Attempt::Built(Some(outcome)), _) => !outcome.success() && outcome.status != "timed out",
            (Attempt::Built(None), kind) => kind == Kind::Build,
        }
    }
}

/// The folder in `work` for auxiliary crates.
fn auxiliary_folder(work: &Path) -> PathBuf {
    work.join("auxiliary")
}

/// A compilation failed.
struct Stop(Outcome);

impl Ui<'_> {
    /// Builds `test` with `rustc` in the folder `work` and runs it.
    ///
    /// # Errors
    /// If a program cannot be started.
    pub(crate) fn attempt(&self, test: &Test, rustc: &Path, bootstrap: bool, lto: Option<&str>, work: &Path) -> Result<Attempt> {
        let compiling = Compiling { ui: self, test, rustc, bootstrap, lto, work, aux: auxiliary_folder(work) };
        fs::create_dir_all(&compiling.aux)?;
        if let Err(Stop(outcome)) = compiling.build()? {
            return Ok(Attempt::NotBuilt(outcome));
        }
        if test.kind == Kind::Build {
            return Ok(Attempt::Built(None));
        }
        if !work.join("a").exists() {
            return Ok(Attempt::NotBuilt(Outcome { status: "no program was made".into(), stdout: String::new(), stderr: String::new() }));
        }
        self.run(test, work)
    }

    /// Runs the program that an attempt at `test` has made in `work`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn run(&self, test: &Test, work: &Path) -> Result<Attempt> {
        let mut program = Command::new(work.join("a"));
        program.args(test.directives.flags("run-flags", test.revision())).current_dir(work);
        program.env("LD_LIBRARY_PATH", self.library_path(&auxiliary_folder(work))).env_remove("RUST_BACKTRACE");
        program.envs(test.directives.pairs("exec-env", test.revision()));
        for name in test.directives.values("unset-exec-env", test.revision()) {
            program.env_remove(name);
        }
        Ok(Attempt::Built(Some(running::run(&mut program, work, PROGRAM)?)))
    }

    fn library_path(&self, aux: &Path) -> String {
        let own = [self.toolchain.libdir(), self.toolchain.sysroot.join("lib"), aux.to_owned()];
        own.map(|dir| dir.display().to_string()).join(":")
    }
}

/// The compilations of one attempt.
struct Compiling<'a> {
    ui: &'a Ui<'a>,
    test: &'a Test,
    rustc: &'a Path,
    bootstrap: bool,
    /// `-Clto=...` for what is linked.
    lto: Option<&'a str>,
    work: &'a Path,
    aux: PathBuf,
}

impl Compiling<'_> {
    fn build(&self) -> Result<Result<(), Stop>> {
        let (test, directives) = (self.test, &self.test.directives);
        let mut args = self.args(&test.file, directives);
        args.extend(["-A", "unused", "-W", "unused_attributes"].map(str::to_owned));
        if !directives.flags("compile-flags", test.revision()).iter().any(|flag| flag == "-o") {
            args.extend(["-o".to_owned(), self.work.join("a").display().to_string()]);
        }
        if let Some(lto) = self.lto {
            args.push(format!("-Clto={lto}"));
        }
        if directives.has("incremental", test.revision()) {
            args.push(format!("-Cincremental={}", self.work.join("incremental").display()));
        }
        args.extend(["-L".to_owned(), self.aux.display().to_string()]);
        args.extend(self.flags(directives));
        match self.auxiliaries(directives)? {
            Err(stop) => return Ok(Err(stop)),
            Ok(externs) => args.extend(externs),
        }
        self.compile(args, directives)
    }

    /// What every compilation is told.
    fn args(&self, file: &Path, directives: &Directives) -> Vec<String> {
        let revision = self.test.revision();
        let mut args = vec![file.display().to_string()];
        let plain = |revision: &str| revision.to_lowercase().replace('-', "_");
        if let Some(revision) = revision {
            args.extend(["--cfg".to_owned(), plain(revision)]);
        }
        if !directives.has("no-auto-check-cfg", revision) {
            let revisions: String = directives.revisions().iter().flatten().map(|revision| format!(",{}", plain(revision))).collect();
            args.extend(["--check-cfg".to_owned(), format!("cfg(test,FALSE{revisions})")]);
        }
        args.extend(["-Ccodegen-units=1", "-Cstrip=debuginfo"].map(str::to_owned));
        if self.ui.dynamic && !directives.has("no-prefer-dynamic", revision) {
            args.extend(["-C", "prefer-dynamic"].map(str::to_owned));
        }
        args.extend(["-A", "internal_features", "-A", "unused_parens", "-A", "unused_braces"].map(str::to_owned));
        args
    }

    /// The flags that the test itself asks for.
    fn flags(&self, directives: &Directives) -> Vec<String> {
        let edition = directives.values("edition", self.test.revision()).last();
        let edition = edition.map(|edition| format!("--edition={}", edition.split("..").next().unwrap_or_default().trim()));
        edition.into_iter().chain(directives.flags("compile-flags", self.test.revision())).collect()
    }

    /// Builds the auxiliary crates that `directives` name; the `--extern` options for them.
    fn auxiliaries(&self, directives: &Directives) -> Result<Result<Vec<String>, Stop>> {
        let revision = self.test.revision();
        let mut externs = Vec::new();
        for (name, crate_type) in [("aux-build", None), ("aux-bin", Some("bin")), ("aux-crate", None), ("proc-macro", Some("proc-macro"))] {
            for value in directives.values(name, revision) {
                let (modifiers, path) = match crate_type {
                    Some("proc-macro") => value.rsplit_once(':').map_or((None, value), |(modifiers, path)| (Some(modifiers), path)),
                    _ => (None, value),
                };
                let (spelled, path) = path.split_once('=').unwrap_or(("", path));
                let extension = match self.auxiliary(path, crate_type)? {
                    Ok(extension) => extension,
                    Err(stop) => return Ok(Err(stop)),
                };
                let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
                let called = if name == "proc-macro" {
                    modifiers.map_or(stem.clone(), |modifiers| format!("{modifiers}:{stem}"))
                } else {
                    spelled.to_owned()
                };
                if matches!(name, "aux-crate" | "proc-macro") {
                    externs.extend(["--extern".to_owned(), format!("{called}={}/lib{stem}.{extension}", self.aux.display())]);
                }
            }
        }
        Ok(Ok(externs))
    }

    /// Builds one; the extension of its file.
    fn auxiliary(&self, path: &str, crate_type: Option<&str>) -> Result<Result<&'static str, Stop>> {
        let file = self.test.auxiliary(path);
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()).into_owned();
        let directives = Directives::parse(&text);
        let dir = if crate_type == Some("bin") { self.aux.join("bin") } else { self.aux.clone() };
        fs::create_dir_all(&dir)?;
        let mut args = self.args(&file, &directives);
        args.extend(["--out-dir".to_owned(), dir.display().to_string()]);
        args.extend(self.flags(&directives));
        match self.auxiliaries(&directives)? {
            Err(stop) => return Ok(Err(stop)),
            Ok(externs) => args.extend(externs),
        }
        let prefers_none = directives.has("no-prefer-dynamic", self.test.revision());
        let crate_type = match crate_type {
            Some(given) => Some(given),
            // As its own source says.
            None if prefers_none => None,
            None => Some(if self.ui.dynamic { "dylib" } else { "lib" }),
        };
        if let Some(crate_type) = crate_type {
            args.extend(["--crate-type".to_owned(), crate_type.to_owned()]);
        }
        if crate_type == Some("proc-macro") {
            args.extend(["--extern", "proc_macro"].map(str::to_owned));
        }
        args.extend(["-L".to_owned(), dir.display().to_string()]);
        let done = self.compile(args, &directives)?;
        Ok(done.map(|()| if matches!(crate_type, Some("dylib" | "proc-macro")) { "so" } else { "rlib" }))
    }

    fn compile(&self, args: Vec<String>, directives: &Directives) -> Result<Result<(), Stop>> {
        let mut command = Command::new(self.rustc);
        command.args(args).current_dir(self.work).env_remove("RUST_BACKTRACE");
        command.env("LD_LIBRARY_PATH", self.ui.library_path(&self.aux));
        if self.bootstrap {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command.envs(directives.pairs("rustc-env", self.test.revision()));
        for name in directives.values("unset-rustc-env", self.test.revision()) {
            command.env_remove(name);
        }
        let outcome = running::run(&mut command, self.work, COMPILATION)?;
        Ok(if outcome.success() { Ok(()) } else { Err(Stop(outcome)) })
    }
}
