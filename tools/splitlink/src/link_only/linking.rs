//! One link and all that it is made from: where each file of the plan really is.

use super::contents;
use super::linker_choice::LinkerChoice;
use crate::files::archive::Archive;
use crate::files::bundled;
use crate::files::crates;
use crate::files::paths::{Places, as_argument};
use crate::files::scratch::{self, Scratch};
use crate::formats::dylib_manifest;
use crate::formats::edges::Edge;
use crate::formats::offered::{Decision, Offered};
use crate::formats::purl::Purl;
use crate::lto::Lto;
use crate::plan::{CWD, Item, Link, LinkPlan, MODULES, SYSROOT};
use anyhow::{Context, Result, bail};
use clap::ArgGroup;
use std::fs;
use std::path::{Path, PathBuf};

/// The options that show names of crates.
const NAMES: &str = "names";

/// What link-only is given.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new(NAMES).args(["report", "auditable"]).multiple(true))]
pub struct Options {
    /// The link plan that `no-link` wrote
    #[arg(long, value_name = "JSON")]
    pub plan: PathBuf,
    /// The folder of modules that `no-link` filled
    #[arg(long, value_name = "DIR")]
    pub modules: PathBuf,
    /// A compiled Rust crate (.rlib); once for each crate that may be linked statically. [default:
    /// none]
    #[arg(long = "rlib", value_name = "RLIB")]
    pub rlibs: Vec<PathBuf>,
    /// A folder of compiled Rust crates (lib*.rlib), from which those that the plan links are taken.
    /// Other files there are ignored, and two files of one crate are an error. May be given more
    /// than once. [default: none]
    #[arg(long = "rlib-dir", value_name = "DIR")]
    pub rlib_dirs: Vec<PathBuf>,
    /// A Rust dylib (.so) that `link-only` made, its manifest beside it; once for each crate that
    /// may be linked dynamically. [default: none]
    #[arg(long = "dylib", value_name = "SO")]
    pub dylibs: Vec<PathBuf>,
    /// The manifest of the standard library's dylib, which `std-manifest` wrote; without it the
    /// standard library is linked statically. [default: none]
    #[arg(long, value_name = "JSON")]
    pub std_manifest: Option<PathBuf>,
    /// Prefer dylibs to rlibs, as `-Cprefer-dynamic` does. [default: as no-link's command said]
    #[arg(long)]
    pub prefer_dynamic: bool,
    /// Leave out the dylibs that would make a crate with a `#[global_allocator]` allocate in two
    /// ways, the standard library's among them, in place of the error that they are. [default: it
    /// is an error]
    #[arg(long, requires = "prefer_dynamic")]
    pub static_with_own_allocator: bool,
    /// A folder where the artifact finds its Rust dylibs when it runs, from which its run path is
    /// made; or a run path, which begins with `$ORIGIN`, the artifact's own folder. [default: where
    /// each dylib is now]
    #[arg(long = "dylib-dir", value_name = "DIR")]
    pub dylib_dirs: Vec<PathBuf>,
    /// Optimise what is linked as a whole, the standard library included: of what was compiled with
    /// `--lto`, its bitcode. [default: off]
    #[arg(long, value_enum, default_value = "off", hide_default_value = true)]
    pub lto: Lto,
    /// A folder for what LTO made of each module, from which later links take what has not changed;
    /// made if it does not exist. It must be yours or root's, and nobody else may write to it.
    /// [default: none]
    #[arg(long, value_name = "DIR", requires = "lto")]
    pub lto_cache: Option<PathBuf>,
    /// How many bytes that folder may hold; what no link used for the longest time goes first, and
    /// all that none used for 30 days
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    pub lto_cache_size: u64,
    /// Link the objects of distributed thin LTO: the file `link.json` that `thin-link` wrote, given the
    /// same plan, modules and crates. [default: LTO is done here]
    #[arg(long, value_name = "JSON", requires = "lto", requires = "thin_objects", conflicts_with = "lto_cache")]
    pub thin_link: Option<PathBuf>,
    /// The folder of those objects, in which `thin-backend` has filled a folder of the same name for
    /// each that `thin-link` wrote. [default: none]
    #[arg(long, value_name = "DIR", requires = "thin_link")]
    pub thin_objects: Option<PathBuf>,
    /// The program that does fat LTO. [default: `splitlink-lto` beside this program]
    #[arg(long, value_name = "PROGRAM")]
    pub lto_engine: Option<PathBuf>,
    /// The lld that does thin LTO, of the LLVM that rustc has (`rustc -vV` says its version).
    /// [default: the `rust-lld` of the toolchain]
    #[arg(long, value_name = "PROGRAM")]
    pub lto_linker: Option<PathBuf>,
    /// Split debug information off what LTO makes, and put its `.dwo` files into this folder, which is
    /// made if it does not exist; `splitlink dwp` packs them. `--lto-cache` is not used then. Without
    /// LTO the compiling phases take `--dwo-dir`. [default: none: debug information stays inside]
    #[arg(long, value_name = "DIR", requires = "lto")]
    pub dwo_dir: Option<PathBuf>,
    /// The folder that holds lib/rustlib/<target>/lib. [default: none, which serves only crates
    /// without a standard library]
    #[arg(long, value_name = "DIR")]
    pub sysroot: Option<PathBuf>,
    /// Link with another linker than the one that rustc, or the command itself
    /// (`-Clink-arg=-fuse-ld=...`), asks for. [default: default]
    #[arg(long, value_enum, default_value = "default", hide_default_value = true)]
    pub linker: LinkerChoice,
    /// The program of that linker, mold or wild. [default: the one of this name on the search path]
    #[arg(long, value_name = "PROGRAM")]
    pub linker_program: Option<PathBuf>,
    /// Print the command that calls the linker, ready to be pasted into a shell, before it is called
    #[arg(long)]
    pub print_command: bool,
    /// Where to write the link report (JSON; docs/dependency-formats.md describes it), which
    /// `explain` shows. [default: none]
    #[arg(long, value_name = "JSON")]
    pub report: Option<PathBuf>,
    /// Put a list of the packages that are linked into each program, cdylib and dylib, as
    /// cargo-auditable does, for `cargo audit bin` and its kin (docs/sbom.md). Other artifacts of the
    /// plan have none. [default: no list]
    #[arg(long)]
    pub auditable: bool,
    /// Name a crate in the report by the label of its target; RLIB is the file name of the rlib, and
    /// crates that are not linked do not matter. May be given more than once. [default: no label]
    #[arg(long = "crate-label", value_name = "RLIB=LABEL", value_parser = contents::CrateName::parse, requires = NAMES)]
    pub crate_labels: Vec<contents::CrateName>,
    /// Name a crate in the report by its version, likewise. [default: no version]
    #[arg(long = "crate-version", value_name = "RLIB=VERSION", value_parser = contents::CrateName::parse, requires = NAMES)]
    pub crate_versions: Vec<contents::CrateName>,
    /// Say of which package a crate is, likewise: `pkg:cargo/NAME@VERSION` for one of crates.io, with
    /// a qualifier for one from elsewhere (`?vcs_url=...`, `?repository_url=...`,
    /// `?download_url=...`). [default: not known]
    #[arg(long = "crate-purl", value_name = "RLIB=PURL", value_parser = contents::CratePurl::parse, requires = NAMES)]
    pub crate_purls: Vec<contents::CratePurl>,
    /// The version of the crate that is linked. That of a library which is linked as a dylib comes
    /// from `--crate-version`, as its package does from `--crate-purl`. [default: not known]
    #[arg(long, value_name = "VERSION", requires = NAMES)]
    pub root_version: Option<String>,
    /// The package of the crate that is linked, in the form of `--crate-purl`. [default: not known]
    #[arg(long, value_name = "PURL", requires = NAMES)]
    pub root_purl: Option<Purl>,
    /// That a crate names another among its own dependencies, for the list of `--auditable`: the two
    /// rlibs (file names suffice), the other one behind `=`. The linked crate itself has nothing in
    /// front of it: `=libdep-1.rlib`. Once for each such pair; what is not linked does not matter.
    /// [default: none, and the list does not say which package depends on which]
    #[arg(long = "edge", value_name = "[RLIB]=RLIB", value_parser = |text: &str| Edge::parse(text), requires = "auditable")]
    pub edges: Vec<Edge>,
    /// Put into the report how long the phases of the link took, LTO and the linker's own call among
    /// them, which makes its bytes others each time.
    /// [default: leave times out]
    #[arg(long, requires = "report")]
    pub report_times: bool,
}

impl Options {
    /// The rlibs that are given by name, and those of the folders that `plan` links.
    pub(crate) fn rlibs_for(&self, plan: &LinkPlan) -> Result<Vec<PathBuf>> {
        let mut rlibs = self.rlibs.clone();
        for path in crates::in_folders(&self.rlib_dirs, &["rlib"])? {
            let id = crates::identity(&path)?;
            if plan.crates.iter().any(|wanted| wanted.id == id) {
                rlibs.push(path);
            }
        }
        Ok(rlibs)
    }

    /// What is read, and where the report goes.
    pub(crate) fn places(&self) -> Places {
        let mut places = Places::default();
        places.inputs("the link plan", [&self.plan]);
        places.input_folder("the folder of modules", &self.modules);
        places.inputs("a dylib", &self.dylibs);
        places.inputs("a dylib's manifest", self.dylibs.iter().map(|dylib| dylib_manifest::beside(dylib)));
        places.inputs("the manifest of the standard library", &self.std_manifest);
        places.inputs("the thin link", &self.thin_link);
        if let Some(objects) = &self.thin_objects {
            places.input_folder("the objects of thin LTO", objects);
        }
        places.inputs("the engine of fat LTO", &self.lto_engine);
        places.inputs("the linker for thin LTO", &self.lto_linker);
        places.inputs("the linker", &self.linker_program);
        if let Some(cache) = &self.lto_cache {
            places.input_folder("the cache of LTO", cache);
        }
        if let Some(report) = &self.report {
            places.output("the link report", report);
        }
        if let Some(dir) = &self.dwo_dir {
            places.output_folder("the folder of debug information", dir);
        }
        places
    }
}

/// One link and all that it needs.
pub(crate) struct Linking<'a> {
    pub(crate) plan: &'a LinkPlan,
    pub(crate) link: &'a Link,
    pub(crate) options: &'a Options,
    pub(crate) offered: &'a Offered,
    pub(crate) decision: &'a Decision<'a>,
    pub(crate) scratch: &'a Scratch,
}

impl Linking<'_> {
    pub(crate) fn module(&self, file: &str) -> Result<PathBuf> {
        let path = self.options.modules.join(file);
        if !path.is_file() {
            bail!(
                "the module `{file}` is missing from `{}`\n  help: plan and modules must come from the same no-link action",
                self.options.modules.display()
            );
        }
        Ok(path)
    }

    pub(crate) fn rlib(&self, id: &str) -> Result<&Path> {
        self.offered.rlib(id).with_context(|| {
            format!(
                "the plan of `{}` links the crate `{id}`, and no rlib of it was given\n  help: add `--rlib lib{id}.rlib`, or `--rlib-dir` with its folder; is it missing from the action's inputs?",
                self.plan.crate_name
            )
        })
    }

    pub(crate) fn sysroot(&self) -> Result<&Path> {
        self.options
            .sysroot
            .as_deref()
            .context("the plan links crates of the sysroot, and no sysroot was given\n  help: add `--sysroot DIR`")
    }

    pub(crate) fn sysroot_crate(&self, target: &str, file_name: &str) -> Result<PathBuf> {
        let path = self.sysroot()?.join("lib/rustlib").join(target).join("lib").join(file_name);
        if !path.is_file() {
            bail!(
                "`{file_name}` is not in the sysroot: `{}` does not exist\n  help: link-only must see the standard library of the toolchain that compiled `{}`",
                path.display(),
                self.plan.crate_name
            );
        }
        Ok(path)
    }

    /// `text` with the plan's placeholders filled in.
    pub(crate) fn resolved(&self, text: &str) -> Result<String> {
        let mut text = text.to_owned();
        if text.contains(SYSROOT) {
            text = text.replace(SYSROOT, &as_argument(self.sysroot()?));
        }
        if text.contains(CWD) {
            let cwd = std::env::current_dir().context("cannot tell the working folder")?;
            text = text.replace(CWD, &cwd.to_string_lossy());
        }
        Ok(text.replace(MODULES, &as_argument(&self.options.modules)))
    }

    /// The files that this link reads beside those that the command names, as far as that is known:
    /// what the linker finds by itself is not.
    pub(crate) fn found_files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for item in &self.link.line {
            match item {
                // One that is missing is complained of where it is linked.
                Item::SysrootCrate { target, file_name } => files.extend(self.sysroot_crate(target, file_name)),
                Item::NativeLibrary { arg } => {
                    let name = arg.strip_prefix("-l").unwrap_or(arg);
                    for file in [format!("lib{name}.a"), format!("lib{name}.so")] {
                        files.extend(self.find_library_file(&file)?);
                    }
                }
                Item::ArchivedLibrary { name, verbatim } => {
                    files.extend(self.find_library_file(&if *verbatim { name.clone() } else { format!("lib{name}.a") })?);
                }
                Item::Passthrough { arg } | Item::TargetFlag { arg } => {
                    files.extend((!arg.starts_with('-')).then(|| self.resolved(arg)).transpose()?.map(PathBuf::from));
                }
                // In the folder of modules, or in an rlib.
                Item::Module { .. }
                | Item::AllocatorShim { .. }
                | Item::SymbolsObject { .. }
                | Item::MetadataObject { .. }
                | Item::Crate { .. }
                | Item::WholeCrate { .. }
                | Item::CrateMetadata { .. }
                | Item::BundledLibrary { .. }
                | Item::VersionScript { .. }
                | Item::ModuleDefinition { .. }
                | Item::ImportLibrary { .. }
                | Item::ExportedSymbols { .. } => {}
                Item::SearchPath { .. } | Item::RunPath { .. } | Item::Output | Item::OutputImportLibrary { .. } => {}
            }
        }
        Ok(files)
    }

    /// Unpacks a native library that an rlib carries as one member, as rustc does before it links
    /// (`ArchiveBuilderBuilder::extract_bundled_libs`, 1.95): the member wraps it in an object's
    /// `.bundled_lib` section.
    pub(crate) fn bundled_library(&self, id: &str, member: &str) -> Result<PathBuf> {
        let archive = Archive::read(self.rlib(id)?)?;
        let found = archive.members.iter().find(|m| m.name == member);
        let found = found.with_context(|| format!("the crate `{id}` does not carry the native library `{member}` that the plan links"))?;
        let of_crate = || format!("the member `{member}` of the crate `{id}`");
        let library = bundled::library_in(archive.contents(found)).with_context(|| format!("{} is broken", of_crate()))?;
        let library = library.with_context(|| format!("{} holds no library", of_crate()))?;
        if library.starts_with(b"!<thin>\n") {
            bail!(
                "the native library `{member}` inside the crate `{id}` is a thin archive, which only names its objects: they are not in the crate\n  \
                 help: make an ordinary archive (`ar` without `T`), or do not bundle it (`-lstatic:-bundle`)"
            );
        }
        // Two crates may carry libraries of one name.
        let path = self.scratch.subdir("bundled")?.join(format!("lib{id}.rlib")).join(member);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| scratch::cannot_write(&path))?;
        }
        fs::write(&path, library).with_context(|| scratch::cannot_write(&path))?;
        Ok(path)
    }

    /// The file of a native static library, looked for in the line's search paths.
    pub(crate) fn find_library(&self, name: &str, verbatim: bool) -> Result<PathBuf> {
        let file = if verbatim { name.to_owned() } else { format!("lib{name}.a") };
        if let Some(path) = self.find_library_file(&file)? {
            return Ok(path);
        }
        let dirs = self.link.line.iter().filter_map(|item| if let Item::SearchPath { dir } = item { Some(dir.as_str()) } else { None });
        let searched: Vec<&str> = dirs.collect();
        bail!(
            "the native static library `{name}` was not found: no `{file}` in {}\n  help: is it among the action's inputs?",
            searched.join(", ")
        )
    }

    /// Where in the line's search paths `file` is, if there.
    pub(crate) fn find_library_file(&self, file: &str) -> Result<Option<PathBuf>> {
        for item in &self.link.line {
            if let Item::SearchPath { dir } = item {
                let path = Path::new(&self.resolved(dir)?).join(file);
                if path.is_file() {
                    return Ok(Some(path));
                }
            }
        }
        Ok(None)
    }
}
