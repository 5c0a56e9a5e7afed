//! Fat LTO, and the back ends of distributed thin LTO: a program of its own does them, which links
//! the toolchain's LLVM.

use super::request::{self, Answer, Bitcode, ENGINE, Options, Request, ThinRequest};
use super::split_debug_info;
use crate::files::scratch;
use crate::rustc::command::{self, ChildFailed};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const REQUEST: &str = "request.json";
const ANSWER: &str = "answer.json";
const OBJECTS: &str = "objects";

/// The engine, and the toolchain whose LLVM it uses.
#[derive(Debug)]
pub struct Engine<'a> {
    /// The program.
    pub program: &'a Path,
    /// The toolchain's folder, which has LLVM in `lib`, or, as Debian's, in the folder of the
    /// machine's libraries there; none if the program finds it by itself.
    pub sysroot: Option<&'a Path>,
    /// The rust-lld that generates the code, with debug information in files of its own
    /// ([`super::split_debug_info`]); none if the engine does that.
    pub splits_debug_info: Option<&'a Path>,
}

impl Engine<'_> {
    /// Makes objects in `dir` of all modules as one.
    ///
    /// # Errors
    /// The engine's own; that it cannot be started.
    pub fn objects(&self, modules: Vec<Bitcode>, keep: Vec<String>, options: Options, dir: &Path) -> Result<(Vec<PathBuf>, Answer)> {
        let as_bitcode = self.splits_debug_info.is_some();
        let request = Request { version: request::VERSION, modules, keep, options, as_bitcode };
        let text = serde_json::to_string(&request).expect("a request is plain data");
        let [asked, answered, objects] = Self::files(dir);
        fs::write(&asked, text).with_context(|| scratch::cannot_write(&asked))?;
        let program = if self.program.components().count() == 1 { Path::new(".").join(self.program) } else { self.program.to_owned() };
        let mut command = Command::new(&program);
        command.arg("--request").arg(&asked).arg("--output-dir").arg(&objects).arg("--answer").arg(&answered);
        let extension = if as_bitcode { "bc" } else { "o" };
        let (mut paths, mut answer) = self.run(command, &objects, extension, &answered, "fat LTO")?;
        if let Some(linker) = self.splits_debug_info {
            let began = Instant::now();
            let parts: Vec<String> = (0..answer.objects).map(|number| format!("{OBJECTS}/{number}")).collect();
            paths = split_debug_info::generate(linker, &parts, &request.options, dir)?;
            answer.milliseconds[2] += u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        Ok((paths, answer))
    }

    /// Makes an object in `dir` of each module of `request`, whose files are named from there, with
    /// so many threads, or one for each processor.
    ///
    /// # Errors
    /// As [`Self::objects`].
    pub fn thin_objects(&self, request: &ThinRequest, threads: Option<u32>, dir: &Path) -> Result<Vec<PathBuf>> {
        let text = serde_json::to_string(request).expect("a request is plain data");
        let [asked, answered, objects] = Self::files(dir);
        fs::write(&asked, text).with_context(|| scratch::cannot_write(&asked))?;
        let program = std::path::absolute(self.program).with_context(|| format!("cannot find `{}`", self.program.display()))?;
        let mut command = Command::new(&program);
        command.current_dir(dir).args(["--thin", "--request", REQUEST, "--output-dir", OBJECTS, "--answer", ANSWER]);
        command.args(threads.map(|threads| format!("--threads={threads}")));
        let (objects, _) = self.run(command, &objects, "o", &answered, "thin LTO in parts")?;
        if objects.len() != request.modules.len() {
            bail!(
                "`{ENGINE}` made {} objects of {} modules\n  help: use `splitlink` and `{ENGINE}` of one release",
                objects.len(),
                request.modules.len()
            );
        }
        Ok(objects)
    }

    fn files(dir: &Path) -> [PathBuf; 3] {
        [REQUEST, ANSWER, OBJECTS].map(|name| dir.join(name))
    }

    fn run(&self, mut command: Command, objects: &Path, extension: &str, answered: &Path, what: &str) -> Result<(Vec<PathBuf>, Answer)> {
        fs::create_dir_all(objects).with_context(|| scratch::cannot_write(objects))?;
        if let Some(path) = self.library_path()? {
            command.env("LD_LIBRARY_PATH", path);
        }
        let program = command.get_program().to_string_lossy().into_owned();
        let status = command.status().with_context(|| command::cannot_start(&format!("the engine of {what}"), &program))?;
        if !status.success() {
            eprintln!("error: {what} failed ({status}); the message of `{ENGINE}` is above");
            return Err(ChildFailed::from_status(status).into());
        }
        let answer: Answer = request::read(answered)?;
        // One after the other: how many there should be is only what the answer says.
        let mut paths = Vec::new();
        for number in 0..answer.objects {
            let path = objects.join(format!("{number}.{extension}"));
            if !path.is_file() {
                bail!("`{ENGINE}` did not make `{}`\n  help: use `splitlink` and `{ENGINE}` of one release", path.display());
            }
            paths.push(path);
        }
        Ok((paths, answer))
    }

    fn library_path(&self) -> Result<Option<OsString>> {
        let Some(sysroot) = self.sysroot else { return Ok(None) };
        let given = std::env::var_os("LD_LIBRARY_PATH");
        // The engine may have another working folder.
        let lib = std::path::absolute(sysroot.join("lib")).with_context(|| format!("cannot find `{}`", sysroot.display()))?;
        let of_machine = lib.join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let own = std::iter::once(lib).chain(of_machine.is_dir().then_some(of_machine));
        let paths = own.chain(given.iter().flat_map(std::env::split_paths));
        std::env::join_paths(paths).map(Some).context("the toolchain's path has a `:` in it")
    }
}
