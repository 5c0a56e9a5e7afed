//! Fat LTO: a program of its own, which links the toolchain's LLVM, makes one module of all.

use super::request::{self, Answer, Bitcode, ENGINE, Options, Request};
use crate::files::scratch;
use crate::rustc::command::{self, ChildFailed};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The engine, and the toolchain whose LLVM it uses.
#[derive(Debug)]
pub struct Engine<'a> {
    /// The program.
    pub program: &'a Path,
    /// The toolchain's folder, which has LLVM in `lib`, or, as Debian's, in the folder of the
    /// machine's libraries there; none if the program finds it by itself.
    pub sysroot: Option<&'a Path>,
}

impl Engine<'_> {
    /// Makes objects in `dir`.
    ///
    /// # Errors
    /// The engine's own; that it cannot be started.
    pub fn objects(&self, modules: Vec<Bitcode>, keep: Vec<String>, options: Options, dir: &Path) -> Result<(Vec<PathBuf>, Answer)> {
        let [asked, answered, objects] = ["request.json", "answer.json", "objects"].map(|name| dir.join(name));
        fs::create_dir_all(&objects).with_context(|| scratch::cannot_write(&objects))?;
        let request = Request { version: request::VERSION, modules, keep, options };
        let text = serde_json::to_string(&request).expect("a request is plain data");
        fs::write(&asked, text).with_context(|| scratch::cannot_write(&asked))?;
        let program = if self.program.components().count() == 1 { Path::new(".").join(self.program) } else { self.program.to_owned() };
        let mut command = Command::new(&program);
        command.arg("--request").arg(&asked).arg("--output-dir").arg(&objects).arg("--answer").arg(&answered);
        if let Some(path) = self.library_path()? {
            command.env("LD_LIBRARY_PATH", path);
        }
        let status = command.status().with_context(|| command::cannot_start("the engine of fat LTO", &program.to_string_lossy()))?;
        if !status.success() {
            eprintln!("error: fat LTO failed ({status}); the message of `{ENGINE}` is above");
            return Err(ChildFailed::from_status(status).into());
        }
        let answer: Answer = request::read(&answered)?;
        // One after the other: how many there should be is only what the answer says.
        let mut paths = Vec::new();
        for number in 0..answer.objects {
            let path = objects.join(format!("{number}.o"));
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
        let lib = sysroot.join("lib");
        let of_machine = lib.join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let own = std::iter::once(lib).chain(of_machine.is_dir().then_some(of_machine));
        let paths = own.chain(given.iter().flat_map(std::env::split_paths));
        std::env::join_paths(paths).map(Some).context("the toolchain's path has a `:` in it")
    }
}
