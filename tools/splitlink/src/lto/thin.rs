//! Thin LTO by the toolchain's own `rust-lld`: it optimises each module with what the others'
//! summaries say, in parallel and from a cache.
//!
//! `rust-lld` is only asked for the objects. LLVM's C interface has no thin LTO, and `rust-lld` is
//! of the same LLVM as the bitcode.

pub(crate) mod back_end;
pub mod distributed;
mod web_assembly;

use super::allocator_shim;
use super::cache::{Cache, Key};
use super::request::{Bitcode, Options};
use super::split_debug_info;
use crate::files::scratch;
use crate::rustc::command::{self, ChildFailed};
use crate::rustc::response_file::escaped as quoted;
use anyhow::{Context, Result};
use object::{Object, ObjectSection, SectionFlags};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What rust-lld would link; files that it makes on the way begin with that name.
const LINKED: &str = "linked";
/// The object of all modules without a summary.
const WITHOUT_SUMMARY: &str = "linked.lto.o";
/// What the linker says to LLVM of each module's symbols.
const RESOLUTION: &str = "linked.resolution.txt";
/// The modules, as files.
const MODULES: &str = "modules";
/// The list of those that are needed.
const NEEDED: &str = "list";
/// The version script.
const KEPT: &str = "kept";
const ARGUMENTS: &str = "arguments";

/// A run.
#[derive(Debug)]
pub struct Run<'a> {
    /// The modules, in the order of the link line.
    pub modules: &'a [Bitcode],
    /// Which of them are allocator shims.
    pub allocator_shims: &'a BTreeSet<String>,
    /// The symbols that something outside the modules needs.
    pub keep: &'a [String],
    /// How to optimise.
    pub options: &'a Options,
    /// Whether the result may be loaded anywhere and its exported symbols be exchanged for others:
    /// for libraries.
    pub shared: bool,
    /// Whether code may lie anywhere in memory.
    pub position_independent: bool,
    /// The lld that does it, of the LLVM that wrote the bitcode.
    pub linker: &'a Path,
    /// Where what was made of each module is kept for later links. It is not used for WebAssembly.
    pub cache: Option<&'a Cache<'a>>,
    /// Whether debug information goes into files of its own ([`super::split_debug_info`]).
    pub split_debug_info: bool,
    /// For WebAssembly, what the linker is told of the kind of file.
    pub web_assembly: Option<Vec<String>>,
}

impl Run<'_> {
    /// Makes objects in `dir`.
    ///
    /// # Errors
    /// rust-lld's own; that it is missing.
    pub fn objects(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let linker = self.absolute_linker()?;
        let files = self.files(dir, |_| MODULES)?;
        let options = self.options()?;
        self.write_arguments(&options, &files, dir)?;
        let run = |more: &[String]| self.lld(&linker, dir, more);
        if self.web_assembly.is_some() {
            run(&[])?;
            return web_assembly::objects(dir);
        }
        let prelink = "--save-temps=prelink".to_owned();
        // Told to compile single modules, it links nothing.
        let only = |file: &str| format!("--thinlto-single-module={file}");
        // What has no summary is optimised as one, and comes first.
        let mut objects = vec![dir.join(WITHOUT_SUMMARY)];
        if let Some(cache) = self.cache {
            let version = Command::new(&linker).args(["-flavor", "gnu", "--version"]).output();
            let version = version.with_context(|| command::cannot_start("the linker for thin LTO", &linker.to_string_lossy()))?;
            // What has no summary is compiled now, for the second run is left out where nothing is
            // missing.
            let index_only = ["--thinlto-emit-imports-files", "--save-temps=resolution"].map(str::to_owned).into_iter();
            let named = [format!("--thinlto-index-only={NEEDED}"), format!("--lto-obj-path={WITHOUT_SUMMARY}")];
            run(&index_only.chain(named).collect::<Vec<_>>())?;
            let keys = Keys::new(dir, &files, [vec![version.stdout], options.counted].concat())?;
            let needed = read(&dir.join(NEEDED))?;
            let needed: HashSet<&str> = needed.lines().collect();
            let mut missing = Vec::new();
            // Not in rust-lld's order, but in that of the link line, as without a cache.
            for module in files.iter().filter(|file| needed.contains(file.as_str())) {
                let (key, object) = (keys.of(module)?, dir.join(made_of(module)));
                if !cache.get(key, &object)? {
                    missing.push((module, key, object.clone()));
                }
                objects.push(object);
            }
            if !missing.is_empty() {
                let modules = missing.iter().map(|(module, ..)| only(module));
                run(&std::iter::once(prelink).chain(modules).collect::<Vec<_>>())?;
            }
            let made: Vec<_> = missing.into_iter().map(|(_, key, object)| (key, object)).filter(|(_, object)| object.exists()).collect();
            cache.put(&made);
        } else {
            run(&[prelink.clone(), only(".bc")])?;
            // The standard library's bitcode says another one than that of crates which are compiled
            // with `-Cdwarf-version=5`, and a package has files of one version alone.
            if self.split_debug_info
                && let [_, .., newest] = split_debug_info::dwarf_versions(dir)?.as_slice()
            {
                run(&[prelink, only(".bc"), "-mllvm".to_owned(), format!("-dwarf-version={newest}")])?;
            }
            objects.extend(files.iter().map(|file| dir.join(made_of(file))));
        }
        // Where all have a summary that object may be there, and is one of nothing.
        if !has_contents(&objects[0]) {
            objects.remove(0);
        }
        Ok(objects.into_iter().filter(|path| fs::metadata(path).is_ok_and(|object| object.len() > 0)).collect())
    }

    /// The lld. It works in a folder of its own, and all names that it is told are relative to that:
    /// they are in what it writes, which must be the same anywhere.
    fn absolute_linker(&self) -> Result<PathBuf> {
        std::path::absolute(self.linker).with_context(|| format!("cannot find `{}`", self.linker.display()))
    }

    /// Runs the lld `linker` in `dir`, with `more` arguments than those in [`ARGUMENTS`].
    fn lld(&self, linker: &Path, dir: &Path, more: &[String]) -> Result<()> {
        let flavor = if self.web_assembly.is_some() { "wasm" } else { "gnu" };
        let output = Command::new(linker).current_dir(dir).args(["-flavor", flavor, &format!("@{ARGUMENTS}")]).args(more).output();
        let output = output.with_context(|| command::cannot_start("the linker for thin LTO", &linker.to_string_lossy()))?;
        if output.status.success() {
            return Ok(());
        }
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        eprintln!("error: thin LTO failed ({}); the message of `{}` is above", output.status, self.linker.display());
        Err(ChildFailed::from_status(output.status).into())
    }

    /// The modules, each as a file of its own in `dir`, in the folder there that `folder_of` says of
    /// it. The names are those that the cache and indexes know them by.
    fn files(&self, dir: &Path, folder_of: impl Fn(&Bitcode) -> &'static str) -> Result<Vec<String>> {
        let mut files = Vec::with_capacity(self.modules.len());
        let mut taken = HashSet::new();
        for module in self.modules {
            let mut name = file_name(&module.name);
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            let folder = folder_of(module);
            let path = dir.join(folder).join(format!("{name}.bc"));
            fs::create_dir_all(dir.join(folder)).with_context(|| scratch::cannot_write(&path))?;
            let bitcode = module.read()?;
            let bitcode = if self.allocator_shims.contains(&module.name) { allocator_shim::anonymous(bitcode) } else { bitcode };
            let bitcode = if self.web_assembly.is_some() { web_assembly::prepared(bitcode, &module.name)? } else { bitcode };
            fs::write(&path, bitcode).with_context(|| scratch::cannot_write(&path))?;
            files.push(format!("{folder}/{name}.bc"));
        }
        Ok(files)
    }

    /// What it is told of how to generate code.
    fn options(&self) -> Result<CodeOptions> {
        let kind = match (self.shared, self.position_independent) {
            (true, _) => "-shared",
            (false, true) => "-pie",
            (false, false) => "-no-pie",
        };
        let level = level(self.options);
        let mut args = self.web_assembly.clone().unwrap_or_else(|| vec![kind.to_owned()]);
        // Left alone, rust-lld generates code at level 2 at least; rustc 1.95 (`to_llvm_opt_settings`)
        // does so at the level of the passes.
        args.extend([format!("--lto-O{level}"), format!("--lto-CGO{level}")]);
        let mut counted: Vec<Vec<u8>> = args.iter().map(|arg| arg.clone().into_bytes()).collect();
        for arg in &self.options.llvm_args {
            counted.push(arg.clone().into_bytes());
            // What is in the file counts.
            if let Some(file) = file_in(arg) {
                counted.push(fs::read(file).with_context(|| format!("cannot read `{file}`, which `{arg}` names"))?);
            }
        }
        args.extend(llvm_arguments(&self.options.llvm_args)?);
        Ok(CodeOptions { args, counted })
    }

    /// Writes all that it is told each time, [`ARGUMENTS`].
    fn write_arguments(&self, options: &CodeOptions, files: &[String], dir: &Path) -> Result<()> {
        let mut args = String::new();
        let mut add = |arg: &str| writeln!(args, "{}", quoted(arg)).expect("a string takes it");
        ["-o", LINKED, "--thinlto-jobs=all"].into_iter().for_each(&mut add);
        options.args.iter().for_each(|arg| add(arg));
        if self.split_debug_info {
            add(&split_debug_info::argument(split_debug_info::FOLDER));
        }
        if self.web_assembly.is_some() {
            web_assembly::ARGUMENTS.into_iter().for_each(&mut add);
        } else if self.shared {
            let script = dir.join(KEPT);
            let names: String = self.keep.iter().map(|name| format!("    \"{name}\";\n")).collect();
            let globals = if names.is_empty() { String::new() } else { format!("  global:\n{names}") };
            fs::write(&script, format!("{{\n{globals}  local:\n    *;\n}};\n")).with_context(|| scratch::cannot_write(&script))?;
            add("--undefined-version");
            add(&format!("--version-script={KEPT}"));
        } else {
            add("--unresolved-symbols=ignore-all");
        }
        // Pulls what is kept out of archives, and keeps it through the optimisation.
        for name in self.keep {
            add(&format!("--undefined={name}"));
        }
        let mut on_demand = false;
        for (module, file) in self.modules.iter().zip(files) {
            if module.on_demand != on_demand {
                on_demand = module.on_demand;
                add(if on_demand { "--start-lib" } else { "--end-lib" });
            }
            add(file);
        }
        let file = dir.join(ARGUMENTS);
        fs::write(&file, args).with_context(|| scratch::cannot_write(&file))
    }
}

/// At which level rust-lld generates code.
pub(super) fn level(options: &Options) -> &str {
    match options.opt_level.as_str() {
        level @ ("0" | "1" | "3") => level,
        _ => "2",
    }
}

/// Arguments for LLVM as rust-lld takes them, which is called in another folder than the one from
/// which they name files.
pub(super) fn llvm_arguments(llvm_args: &[String]) -> Result<Vec<String>> {
    let mut args = Vec::new();
    for arg in llvm_args {
        let arg = match file_in(arg) {
            Some(file) => {
                let path = std::path::absolute(file).with_context(|| format!("cannot find `{file}`"))?;
                format!("{}{}", &arg[..arg.len() - file.len()], path.display())
            }
            None => arg.clone(),
        };
        args.extend(["-mllvm".to_owned(), arg]);
    }
    Ok(args)
}

/// How rust-lld is told to generate code.
struct CodeOptions {
    args: Vec<String>,
    /// What of that counts in the cache: no path, but what is in the files.
    counted: Vec<Vec<u8>>,
}

/// The longest name of a module's file, in bytes: file systems have 255, and rust-lld adds to it.
const LONGEST_NAME: usize = 150;

/// A name for the file of the module `name`. Of a long one the end, which tells modules of a crate
/// from one another, and a digest.
fn file_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    if plain.len() <= LONGEST_NAME {
        return plain;
    }
    let mut digest = Key::new();
    digest.add(name.as_bytes());
    let digest = format!("{:032x}-", digest.digest());
    digest.clone() + &plain[plain.len() + digest.len() - LONGEST_NAME..]
}

/// The file that the argument `arg` of LLVM's names, if it does so.
fn file_in(arg: &str) -> Option<&str> {
    let file = arg.split_once('=').map_or(arg, |(_, value)| value);
    // A word alone is rather the name of a function or a pass.
    (file.contains(['/', '.']) && Path::new(file).is_file()).then_some(file)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The keys of modules in the cache.
struct Keys<'a> {
    dir: &'a Path,
    /// What is the same for all.
    common: Vec<Vec<u8>>,
    /// For each module, what the linker said of its symbols.
    resolutions: HashMap<String, String>,
    /// Of those that were asked for.
    digests: RefCell<HashMap<String, u128>>,
}

impl<'a> Keys<'a> {
    fn new(dir: &'a Path, files: &[String], common: Vec<Vec<u8>>) -> Result<Self> {
        let text = read(&dir.join(RESOLUTION))?;
        let names: HashSet<&str> = files.iter().map(String::as_str).collect();
        let mut resolutions: HashMap<String, String> = HashMap::new();
        let mut module = "";
        // The name of each module, and a line for each of its symbols.
        for line in text.lines() {
            if names.contains(line) {
                module = line;
            }
            let resolution = resolutions.entry(module.to_owned()).or_default();
            resolution.push_str(line);
            resolution.push('\n');
        }
        Ok(Self { dir, common, resolutions, digests: RefCell::default() })
    }

    /// What LLVM makes of `module` follows from it, from the index of what it may assume about
    /// others, from the modules that it imports functions from, and from where the linker has found
    /// the symbols of all these. Distributed thin LTO goes by the same but the last, and takes no
    /// symbol for near that the index does not list.
    fn of(&self, module: &str) -> Result<u128> {
        let mut key = Key::new();
        for part in &self.common {
            key.add(part);
        }
        let index = self.dir.join(format!("{module}.thinlto.bc"));
        key.add(&fs::read(&index).with_context(|| format!("cannot read `{}`", index.display()))?);
        let imports = read(&self.dir.join(format!("{module}.imports")))?;
        for module in std::iter::once(module).chain(imports.lines()) {
            key.add(&self.digest(module)?.to_le_bytes());
        }
        Ok(key.digest())
    }

    /// Of a module, and of what the linker said of its symbols.
    fn digest(&self, module: &str) -> Result<u128> {
        if let Some(digest) = self.digests.borrow().get(module) {
            return Ok(*digest);
        }
        let path = self.dir.join(module);
        let mut key = Key::new();
        key.add(&fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?);
        let resolution = self.resolutions.get(module);
        key.add(resolution.with_context(|| format!("`{RESOLUTION}` of rust-lld does not list `{module}`"))?.as_bytes());
        let digest = key.digest();
        self.digests.borrow_mut().insert(module.to_owned(), digest);
        Ok(digest)
    }
}

/// What rust-lld calls the object that it made of the module `file`.
fn made_of(file: &str) -> String {
    let path = Path::new(file);
    format!("{MODULES}/{LINKED}.lto.{}.o", path.file_stem().unwrap_or_default().to_string_lossy())
}

/// Whether the object `path` is there and has anything that a program would take.
fn has_contents(path: &Path) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    let is_taken = |section: &object::Section<'_, '_>| {
        matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & u64::from(object::elf::SHF_ALLOC) != 0) && section.size() > 0
    };
    object::File::parse(&*bytes).is_ok_and(|object| object.sections().any(|section| is_taken(&section)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        assert_eq!(file_name("a-1(a.b-cgu.0.rcgu.o)"), "a-1_a.b-cgu.0.rcgu.o_");
        let long = |end: &str| file_name(&format!("{}({}-cgu.{end}.rcgu.o)", "x".repeat(120), "x".repeat(130)));
        assert!(long("0").len() == LONGEST_NAME && long("0").ends_with("-cgu.0.rcgu.o_"), "{}", long("0"));
        assert_ne!(long("0"), long("1"));
        assert_ne!(file_name(&format!("{}é", "x".repeat(200))), file_name(&format!("{}ü", "x".repeat(200))));
    }
}
