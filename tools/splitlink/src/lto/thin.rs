//! Thin LTO: the toolchain's own `rust-lld` optimises each module with what the others' summaries say, in parallel and from a cache.
//!
//! It is only asked for the objects. LLVM's C interface has no thin LTO, and this linker and the bitcode are the same LLVM.

use super::cache::{Cache, Key};
use super::request::{Bitcode, Options};
use crate::command::{self, ChildFailed};
use crate::scratch;
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, SectionFlags};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What rust-lld would link; files that it makes on the way begin with that name.
const LINKED: &str = "linked";

/// A run.
#[derive(Debug)]
pub struct Run<'a> {
    /// The modules, in the order of the link line.
    pub modules: &'a [Bitcode],
    /// The symbols that something outside the modules needs.
    pub keep: &'a [String],
    /// How to optimise.
    pub options: &'a Options,
    /// Whether the result may be loaded anywhere and its exported symbols be exchanged for others: for libraries.
    pub shared: bool,
    /// Whether code may lie anywhere in memory.
    pub position_independent: bool,
    /// The folder of the toolchain's own programs.
    pub bin: &'a Path,
    /// Where what was made of each module is kept for later links.
    pub cache: Option<Cache<'a>>,
}

impl Run<'_> {
    /// Makes objects in `dir`.
    ///
    /// # Errors
    /// rust-lld's own; that it is missing.
    pub fn objects(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let linker = self.bin.join("rust-lld");
        if !linker.is_file() {
            bail!(
                "the toolchain has no linker for thin LTO: `{}` does not exist\n  help: `rust-lld` comes with Rust's own toolchains; is it among the action's inputs?",
                linker.display()
            );
        }
        let modules = dir.join("modules");
        fs::create_dir_all(&modules).with_context(|| scratch::cannot_write(&modules))?;
        let files = self.files(&modules)?;
        let file = dir.join("arguments");
        let options = self.options(dir)?;
        fs::write(&file, format!("{options}{}", self.inputs(&files))).with_context(|| scratch::cannot_write(&file))?;
        let run = |more: &[String]| -> Result<()> {
            let output = Command::new(&linker).args(["-flavor", "gnu"]).arg(format!("@{}", file.display())).args(more).output();
            let output = output.with_context(|| command::cannot_start("the toolchain's linker", &linker.to_string_lossy()))?;
            if output.status.success() {
                return Ok(());
            }
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            eprintln!("error: thin LTO failed ({}); the message of `rust-lld` is above", output.status);
            Err(ChildFailed::from_status(output.status).into())
        };
        let prelink = "--save-temps=prelink".to_owned();
        // Told to compile single modules, it links nothing.
        let only = |file: &str| format!("--thinlto-single-module={file}");
        // What has no summary is optimised as one, and comes first; then what was made of each module that is needed.
        let mut objects = vec![dir.join(format!("{LINKED}.lto.o"))];
        if let Some(cache) = &self.cache {
            let version = Command::new(&linker).args(["-flavor", "gnu", "--version"]).output();
            let version = version.with_context(|| command::cannot_start("the toolchain's linker", &linker.to_string_lossy()))?;
            let list = dir.join("list");
            // What has no summary is compiled now, for the second run is left out where nothing is missing.
            let index_only = format!("--thinlto-index-only={}", list.display());
            run(&[index_only, "--thinlto-emit-imports-files".to_owned(), format!("--lto-obj-path={}", objects[0].display())])?;
            let needed = fs::read_to_string(&list).with_context(|| format!("cannot read `{}`", list.display()))?;
            let keys = Keys { common: [&version.stdout, options.as_bytes()], digests: RefCell::default() };
            let mut missing = Vec::new();
            for module in needed.lines().map(Path::new) {
                let (key, object) = (keys.of(module)?, made_of(module));
                if !cache.get(key, &object)? {
                    missing.push((key, module, object.clone()));
                }
                objects.push(object);
            }
            if !missing.is_empty() {
                let modules = missing.iter().map(|(_, module, _)| only(&module.to_string_lossy()));
                run(&std::iter::once(prelink).chain(modules).collect::<Vec<_>>())?;
            }
            for (key, _, object) in missing {
                cache.put(key, &object)?;
            }
            cache.prune();
        } else {
            run(&[prelink, only(".bc")])?;
            objects.extend(files.iter().map(|file| made_of(file)));
        }
        // Where all have a summary that object may be there, and is one of nothing.
        if !has_contents(&objects[0]) {
            objects.remove(0);
        }
        Ok(objects.into_iter().filter(|path| fs::metadata(path).is_ok_and(|object| object.len() > 0)).collect())
    }

    /// The modules, each as a file of its own, in `dir`. The names are those that the cache knows them by.
    fn files(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let mut files = Vec::with_capacity(self.modules.len());
        let mut taken = HashSet::new();
        for module in self.modules {
            let mut name: String = module.name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            let path = dir.join(name + ".bc");
            fs::write(&path, module.read()?).with_context(|| scratch::cannot_write(&path))?;
            files.push(path);
        }
        Ok(files)
    }

    /// What it is told apart from the modules.
    fn options(&self, dir: &Path) -> Result<String> {
        let mut args = format!("-o\n{}\n", quoted(&dir.join(LINKED).to_string_lossy()));
        let mut add = |arg: &str| writeln!(args, "{}", quoted(arg)).expect("a string takes it");
        add("--thinlto-jobs=all");
        if self.shared {
            let script = dir.join("kept");
            let names: String = self.keep.iter().map(|name| format!("    \"{name}\";\n")).collect();
            let globals = if names.is_empty() { String::new() } else { format!("  global:\n{names}") };
            fs::write(&script, format!("{{\n{globals}  local:\n    *;\n}};\n")).with_context(|| scratch::cannot_write(&script))?;
            add("-shared");
            add("--undefined-version");
            add(&format!("--version-script={}", script.display()));
        } else {
            add("--unresolved-symbols=ignore-all");
            add(if self.position_independent { "-pie" } else { "-no-pie" });
        }
        // Pulls what is kept out of archives, and keeps it through the optimisation.
        for name in self.keep {
            add(&format!("--undefined={name}"));
        }
        add(&format!(
            "--lto-O{}",
            match self.options.opt_level.as_str() {
                level @ ("0" | "1" | "3") => level,
                _ => "2",
            }
        ));
        for arg in &self.options.llvm_args {
            add("-mllvm");
            add(arg);
        }
        Ok(args)
    }

    /// The modules, as it is told them.
    fn inputs(&self, files: &[PathBuf]) -> String {
        let mut args = String::new();
        let mut on_demand = false;
        for (module, file) in self.modules.iter().zip(files) {
            if module.on_demand != on_demand {
                on_demand = module.on_demand;
                args.push_str(if on_demand { "--start-lib\n" } else { "--end-lib\n" });
            }
            writeln!(args, "{}", quoted(&file.to_string_lossy())).expect("a string takes it");
        }
        args
    }
}

/// The keys of modules in the cache.
struct Keys<'a> {
    common: [&'a [u8]; 2],
    digests: RefCell<HashMap<PathBuf, u128>>,
}

impl Keys<'_> {
    /// What LLVM makes of `module` follows from it, from the index of what it may assume about others, and from the modules that it
    /// imports functions from: what distributed thin LTO goes by.
    fn of(&self, module: &Path) -> Result<u128> {
        let name = module.to_string_lossy();
        let read = |path: String| fs::read(&path).with_context(|| format!("cannot read `{path}`"));
        let mut key = Key::new();
        for part in self.common {
            key.add(part);
        }
        key.add(&read(format!("{name}.thinlto.bc"))?);
        let imports = read(format!("{name}.imports"))?;
        for module in std::iter::once(&*name).chain(String::from_utf8_lossy(&imports).lines()) {
            key.add(&self.digest(Path::new(module))?.to_le_bytes());
        }
        Ok(key.digest())
    }

    fn digest(&self, module: &Path) -> Result<u128> {
        if let Some(digest) = self.digests.borrow().get(module) {
            return Ok(*digest);
        }
        let bytes = fs::read(module).with_context(|| format!("cannot read `{}`", module.display()))?;
        let mut key = Key::new();
        key.add(&bytes);
        let digest = key.digest();
        self.digests.borrow_mut().insert(module.to_owned(), digest);
        Ok(digest)
    }
}

/// What rust-lld calls the object that it made of the module `file`.
fn made_of(file: &Path) -> PathBuf {
    file.with_file_name(format!("{LINKED}.lto.{}.o", file.file_stem().unwrap_or_default().to_string_lossy()))
}

/// Whether the object `path` is there and has anything that a program would take.
fn has_contents(path: &Path) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    let is_taken = |section: &object::Section<'_, '_>| {
        matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & u64::from(object::elf::SHF_ALLOC) != 0) && section.size() > 0
    };
    object::File::parse(&*bytes).is_ok_and(|object| object.sections().any(|section| is_taken(&section)))
}

fn quoted(arg: &str) -> String {
    arg.chars().fold(String::new(), |mut text, c| {
        if matches!(c, '\\' | ' ' | '"' | '\'') {
            text.push('\\');
        }
        text.push(c);
        text
    })
}
