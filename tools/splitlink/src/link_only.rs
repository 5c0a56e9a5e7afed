//! The link-only phase: plan, modules and compiled crates become the artifact. Needs no rustc, no source and no metadata.

use crate::archive::{Archive, Builder};
use crate::bundled;
use crate::command::ChildFailed;
use crate::dylib_manifest;
use crate::link_line::{self, Part};
use crate::link_lto::{self, Groups};
use crate::lto::{Lto, Optimised};
use crate::offered::{Decision, Offered};
use crate::plan::{FILE, Item, Link, LinkPlan, MODULES, SYSROOT};
use crate::report::{self, LinkReport};
use crate::rlib;
use crate::run_path;
use crate::scratch::{self, Finished, Scratch};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Above this many bytes the linker's arguments go through a response file: well below what any Linux allows in one call.
const LONGEST_COMMAND: usize = 64 * 1024;

/// What link-only is given.
#[derive(Debug, clap::Args)]
pub struct Inputs {
    /// The link plan that `no-link` wrote
    #[arg(long, value_name = "JSON")]
    pub plan: PathBuf,
    /// The folder of modules that `no-link` filled
    #[arg(long, value_name = "DIR")]
    pub modules: PathBuf,
    /// A compiled Rust crate (.rlib); once for each crate that may be linked statically. [default: none]
    #[arg(long = "rlib", value_name = "RLIB")]
    pub rlibs: Vec<PathBuf>,
    /// A Rust dylib (.so) that `link-only` made, its manifest beside it; once for each crate that may be linked dynamically.
    /// [default: none]
    #[arg(long = "dylib", value_name = "SO")]
    pub dylibs: Vec<PathBuf>,
    /// The manifest of the standard library's dylib, which `std-manifest` wrote; without it the standard library is linked
    /// statically. [default: none]
    #[arg(long, value_name = "JSON")]
    pub std_manifest: Option<PathBuf>,
    /// Prefer dylibs to rlibs, as `-Cprefer-dynamic` does. [default: as no-link's command said]
    #[arg(long)]
    pub prefer_dynamic: bool,
    /// A folder where the artifact finds its Rust dylibs when it runs, from which its run path is made; or a run path, which begins
    /// with `$ORIGIN`, the artifact's own folder. [default: where each dylib is now]
    #[arg(long = "dylib-dir", value_name = "DIR")]
    pub dylib_dirs: Vec<PathBuf>,
    /// Optimise what is linked as a whole, the standard library included: of what was compiled with `--lto`, its bitcode. [default: off]
    #[arg(long, value_enum, default_value = "off", hide_default_value = true)]
    pub lto: Lto,
    /// A folder for what LTO made of each module, from which later links take what has not changed; made if it does not exist.
    /// [default: none]
    #[arg(long, value_name = "DIR", requires = "lto")]
    pub lto_cache: Option<PathBuf>,
    /// How many bytes that folder may hold; what no link used for the longest time goes first, and all that none used for 30 days
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    pub lto_cache_size: u64,
    /// The program that does fat LTO. [default: `splitlink-lto` beside this program]
    #[arg(long, value_name = "PROGRAM")]
    pub lto_engine: Option<PathBuf>,
    /// The folder that holds lib/rustlib/<target>/lib. [default: none, which serves only crates without a standard library]
    #[arg(long, value_name = "DIR")]
    pub sysroot: Option<PathBuf>,
    /// Where to write the link report (JSON; docs/dependency-formats.md describes it), which `explain` shows. [default: none]
    #[arg(long, value_name = "JSON")]
    pub report: Option<PathBuf>,
    /// Put into the report how long each run of LTO took, which makes its bytes others each time. [default: leave times out]
    #[arg(long, requires = "report")]
    pub report_times: bool,
}

/// Runs the phase: links what `outputs` asks for, by crate type (`None`: the plan's only one).
///
/// # Errors
/// A broken or wrong input, crates that cannot be linked together, or the linker's failure with its own message.
pub fn run(inputs: &Inputs, outputs: &[(Option<String>, PathBuf)]) -> Result<()> {
    let plan = LinkPlan::read(&inputs.plan)?;
    let offered = Offered::new(&inputs.rlibs, &inputs.dylibs, inputs.std_manifest.as_deref())?;
    offered.check_builds(&plan)?;
    // rustc itself gives a cdylib and a dylib of one crate the same name, and leaves the one that it wrote last.
    for (at, (crate_type, output)) in outputs.iter().enumerate() {
        if let Some((other, _)) = outputs[..at].iter().find(|(other, path)| path == output || other == crate_type) {
            let [one, two] = [other, crate_type].map(|each| each.as_deref().unwrap_or("artifact"));
            bail!(
                "`{}` is asked for twice, as the {one} and as the {two}\n  help: give each crate type one `--output`, and each a file of its own",
                output.display()
            );
        }
    }
    let mut jobs = Vec::with_capacity(outputs.len());
    for (crate_type, output) in outputs {
        let link = link_for(&plan, crate_type.as_deref())?;
        let decision = offered.decide(&plan, link, inputs.prefer_dynamic || plan.prefer_dynamic).with_context(|| cannot(&plan, link))?;
        jobs.push((link, output, decision, Scratch::beside(output)?));
    }
    let linking =
        |(link, _, decision, scratch)| Linking { plan: &plan, link, inputs, offered: &offered, decision, scratch, optimised: None };
    let mut links: Vec<Linking<'_>> = jobs.iter().map(|(l, o, d, s)| linking((*l, *o, d, s))).collect();
    let groups = if inputs.lto == Lto::Off { Groups::default() } else { link_lto::optimise(&links)? };
    for (at, linking) in links.iter_mut().enumerate() {
        linking.optimised = groups.of(at);
    }
    let mut artifacts = Vec::with_capacity(outputs.len());
    // Put into place when all is done: an action has all its outputs or none.
    let mut finished = Finished::default();
    for (linking, (_, output)) in links.iter().zip(outputs) {
        let Linking { link, scratch, .. } = *linking;
        let artifact = scratch.path().join(&link.file_name);
        let made = if link.crate_type == "staticlib" { linking.archive(&artifact) } else { linking.link(&artifact, output) };
        made.with_context(|| cannot(&plan, link))?;
        artifacts.push(linking.decision.report(output));
        if link.crate_type == "dylib" {
            let manifest = linking.manifest(output).to_text();
            finished.add_bytes(scratch, manifest.as_bytes(), dylib_manifest::beside(output))?;
        }
        finished.add(artifact, output.clone());
    }
    if let Some(path) = &inputs.report {
        let lto = groups.results.into_iter().map(|(_, group)| group).collect();
        let report = LinkReport { version: report::VERSION, crate_name: plan.crate_name.clone(), artifacts, lto };
        let scratch = Scratch::beside(path)?;
        finished.add_bytes(&scratch, report.to_text().as_bytes(), path.clone())?;
        finished.keep(scratch);
    }
    for (.., scratch) in jobs {
        finished.keep(scratch);
    }
    finished.publish()
}

fn cannot(plan: &LinkPlan, link: &Link) -> String {
    format!("cannot link the {} `{}`", link.crate_type, plan.crate_name)
}

fn link_for<'a>(plan: &'a LinkPlan, crate_type: Option<&str>) -> Result<&'a Link> {
    let types = || plan.links.iter().map(|link| link.crate_type.as_str()).collect::<Vec<_>>().join(", ");
    match (crate_type, plan.links.as_slice()) {
        (Some(wanted), links) => links
            .iter()
            .find(|link| link.crate_type == wanted)
            .with_context(|| format!("the plan of `{}` has no {wanted}\n  help: it has {}", plan.crate_name, types())),
        (None, [link]) => Ok(link),
        (None, _) => bail!(
            "the plan of `{}` has several crate types: {}\n  help: say which one, as in `--output cdylib=PATH`",
            plan.crate_name,
            types()
        ),
    }
}

/// One link and all that it needs.
pub(crate) struct Linking<'a> {
    pub(crate) plan: &'a LinkPlan,
    pub(crate) link: &'a Link,
    pub(crate) inputs: &'a Inputs,
    pub(crate) offered: &'a Offered,
    pub(crate) decision: &'a Decision<'a>,
    pub(crate) scratch: &'a Scratch,
    /// What LTO made, where there is LTO.
    pub(crate) optimised: Option<&'a Optimised>,
}

impl Linking<'_> {
    /// Calls the linker with the plan's line, which makes `artifact`; its place will be `output`.
    fn link(&self, artifact: &Path, output: &Path) -> Result<()> {
        let linker = self.link.linker.as_deref().context("the plan names no linker\n  help: run the no-link action again")?;
        let mut args = Vec::with_capacity(self.link.line.len() + 1);
        let reduced = self.reduced_symbols()?;
        let mut objects = self.optimised.map(|optimised| optimised.objects.as_slice());
        for part in link_line::with_formats(&self.link.line, &self.decision.linkage()).parts {
            match part {
                Part::Item(Item::SymbolsObject { file } | Item::VersionScript { file, .. }) if reduced.contains_key(file.as_str()) => {
                    let path = reduced[file.as_str()].to_string_lossy().into_owned();
                    let arg = if let Part::Item(Item::VersionScript { arg, .. }) = part { arg.replace(FILE, &path) } else { path };
                    args.push(arg);
                }
                Part::Item(item) => {
                    if let Some(optimised) = self.optimised {
                        // Where the first of what became them stood.
                        if let Item::Module { .. } | Item::WholeCrate { .. } = item
                            && let Some(objects) = objects.take()
                        {
                            args.extend(objects.iter().map(|path| path.to_string_lossy().into_owned()));
                        }
                        if self.add_args_optimised(item, optimised, &mut args)? {
                            continue;
                        }
                    }
                    self.add_args(item, artifact, output, &mut args)?;
                }
                Part::Dylib(id) => args.push(self.dylib(id)?.to_string_lossy().into_owned()),
                Part::Hint(flag) => args.push(flag.to_owned()),
            }
        }
        let run_paths = self.run_paths_to_dylibs(output, &args)?;
        args.extend(run_paths);
        let args = self.shortened(args)?;
        // As rustc does (`rustc_codegen_ssa::back::linker::disable_localization`, 1.95).
        let result = Command::new(linker).args(&args).env("LC_ALL", "C").env("VSLANG", "1033").env("PATH", self.search_path()?).output();
        let result = result.with_context(|| {
            format!("cannot start the linker `{linker}`\n  help: it is what rustc was told with `-Clinker`, or its default; is it installed and among the inputs?")
        })?;
        if result.status.success() {
            return Ok(());
        }
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(&result.stdout).and_then(|()| stderr.write_all(&result.stderr));
        let _ = writeln!(
            stderr,
            "error: the linker `{linker}` failed for the {} `{}` ({}); its message is above\n  help: the link line is in `{}`",
            self.link.crate_type,
            self.plan.crate_name,
            result.status,
            self.inputs.plan.display()
        );
        Err(ChildFailed::from_status(result.status).into())
    }

    /// Where programs are looked for: first among the toolchain's own, as rustc does, so that `-Clinker=rust-lld` is found.
    fn search_path(&self) -> Result<OsString> {
        let mut dirs = Vec::new();
        if let Some(sysroot) = &self.inputs.sysroot {
            let targets = fs::read_dir(sysroot.join("lib/rustlib")).into_iter().flatten().flatten();
            dirs.extend(targets.map(|target| target.path().join("bin")).filter(|dir| dir.is_dir()));
            dirs.sort();
        }
        dirs.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        std::env::join_paths(dirs).context("the search path for programs cannot be made: does the sysroot's path have a `:` in it?")
    }

    fn add_args(&self, item: &Item, artifact: &Path, output: &Path, args: &mut Vec<String>) -> Result<()> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        match item {
            Item::Module { file } | Item::AllocatorShim { file } | Item::SymbolsObject { file } => args.push(text(self.module(file)?)),
            Item::MetadataObject { file, formats } => args.push(text(self.metadata_object(file, formats.as_ref())?)),
            Item::Crate { id } => args.push(text(self.rlib(id)?.to_owned())),
            Item::WholeCrate { id } => args.extend(self.whole_crate(id)?),
            Item::CrateMetadata { id } => args.push(text(self.crate_metadata(id)?)),
            Item::SysrootCrate { target, file_name } => {
                args.push(text(self.sysroot_crate(target, file_name)?));
            }
            Item::BundledLibrary { id, member, arg } => args.push(arg.replace(FILE, &text(self.bundled_library(id, member)?))),
            Item::SearchPath { dir } => args.extend(["-L".to_owned(), self.resolved(dir)?]),
            Item::VersionScript { file, arg } => args.push(arg.replace(FILE, &text(self.module(file)?))),
            Item::RunPath { arg } => args.push(self.run_path(arg, output)?),
            Item::Output => args.extend(["-o".to_owned(), text(artifact.to_owned())]),
            Item::NativeLibrary { arg } | Item::TargetFlag { arg } | Item::Passthrough { arg } => args.push(self.resolved(arg)?),
            Item::ArchivedLibrary { name, .. } => bail!("the plan puts the library `{name}` into an archive, and this is a link"),
            Item::ExportedSymbols { .. } => {}
        }
        Ok(())
    }

    /// The run path `arg` for an artifact at `output`.
    fn run_path(&self, arg: &str, output: &Path) -> Result<String> {
        let to = output.parent().unwrap_or(Path::new(""));
        let arg = run_path::rebase(arg, Path::new(&self.link.output_dir), to);
        // The loader knows no working folder: what is relative to it here must be relative to the artifact there.
        if arg.contains(SYSROOT) { Ok(arg.replace(SYSROOT, &run_path::from_origin(self.sysroot()?, to))) } else { Ok(arg) }
    }

    /// Puts a staticlib together as rustc does (`rustc_codegen_ssa::back::link::link_staticlib`, 1.95): the crate's own
    /// objects, its native libraries, then every crate's objects without its metadata.
    fn archive(&self, artifact: &Path) -> Result<()> {
        let mut builder = Builder::default();
        for (number, object) in self.optimised.iter().flat_map(|optimised| &optimised.objects).enumerate() {
            builder.add_file(&format!("{}.lto.{number}.o", self.plan.crate_name), object)?;
        }
        // What of a file is machine code still: all of it where there is no LTO.
        let native = |path: PathBuf| match self.optimised {
            Some(optimised) => optimised.native(&path).map(Path::to_owned),
            None => Some(path),
        };
        for item in &self.link.line {
            match item {
                Item::Module { file } | Item::AllocatorShim { file } => {
                    let name = file.rsplit_once('/').map_or(file.as_str(), |(_, name)| name);
                    if let Some(path) = native(self.module(file)?) {
                        builder.add_file(name, &path)?;
                    }
                }
                Item::ArchivedLibrary { name, verbatim } => {
                    if let Some(path) = native(self.find_library(name, *verbatim)?) {
                        builder.add_archive(&Archive::read(&path)?, |_| true);
                    }
                }
                Item::Crate { id } => {
                    let is_bundled = |name: &str| {
                        let found = |item: &Item| matches!(item, Item::BundledLibrary { id: of, member, .. } if of == id && member == name);
                        self.link.line.iter().any(found)
                    };
                    if let Some(path) = native(self.rlib(id)?.to_owned()) {
                        builder.add_archive(&Archive::read(&path)?, |name| !rlib::is_metadata(name) && !is_bundled(name));
                    }
                }
                Item::BundledLibrary { id, member, .. } => {
                    if let Some(path) = native(self.bundled_library(id, member)?) {
                        builder.add_archive(&Archive::read(&path)?, |_| true);
                    }
                }
                Item::SysrootCrate { target, file_name } => {
                    if let Some(path) = native(self.sysroot_crate(target, file_name)?) {
                        builder.add_archive(&Archive::read(&path)?, |name| !rlib::is_metadata(name));
                    }
                }
                Item::SearchPath { .. } | Item::ExportedSymbols { .. } => {}
                other => bail!("the plan has an item that does not belong into an archive: {other:?}"),
            }
        }
        builder.write(artifact)
    }

    /// Whether the linker is called through a compiler driver, which takes the linker's own flags behind `-Wl,`.
    pub(crate) fn is_called_as_compiler(&self) -> bool {
        self.link
            .line
            .iter()
            .any(|item| matches!(item, Item::TargetFlag { arg } | Item::VersionScript { arg, .. } if arg.starts_with("-Wl,")))
    }

    pub(crate) fn module(&self, file: &str) -> Result<PathBuf> {
        let path = self.inputs.modules.join(file);
        if !path.is_file() {
            bail!(
                "the module `{file}` is missing from `{}`\n  help: plan and modules must come from the same no-link action",
                self.inputs.modules.display()
            );
        }
        Ok(path)
    }

    pub(crate) fn rlib(&self, id: &str) -> Result<&Path> {
        self.offered.rlib(id).with_context(|| {
            format!(
                "the plan of `{}` links the crate `{id}`, and no rlib of it was given\n  help: add `--rlib lib{id}.rlib`; is it missing from the action's inputs?",
                self.plan.crate_name
            )
        })
    }

    pub(crate) fn sysroot(&self) -> Result<&Path> {
        self.inputs
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
            text = text.replace(SYSROOT, &self.sysroot()?.to_string_lossy());
        }
        Ok(text.replace(MODULES, &self.inputs.modules.to_string_lossy()))
    }

    /// Unpacks a native library that an rlib carries as one member, as rustc does before it links
    /// (`ArchiveBuilderBuilder::extract_bundled_libs`, 1.95): the member wraps it in an object's `.bundled_lib` section.
    pub(crate) fn bundled_library(&self, id: &str, member: &str) -> Result<PathBuf> {
        use object::{Object, ObjectSection};
        let archive = Archive::read(self.rlib(id)?)?;
        let found = archive.members.iter().find(|m| m.name == member);
        let found = found.with_context(|| format!("the crate `{id}` does not carry the native library `{member}` that the plan links"))?;
        let contents = archive.contents(found);
        let object = object::File::parse(contents).with_context(|| format!("the member `{member}` of the crate `{id}` is broken"))?;
        let section = object.section_by_name(bundled::SECTION);
        let library = section.with_context(|| format!("the member `{member}` of the crate `{id}` holds no library"))?.data()?;
        let path = self.scratch.subdir("bundled")?.join(member);
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

    fn shortened(&self, args: Vec<String>) -> Result<Vec<String>> {
        if args.iter().map(|arg| arg.len() + 1).sum::<usize>() < LONGEST_COMMAND {
            return Ok(args);
        }
        let mut escaped = String::new();
        for arg in &args {
            for c in arg.chars() {
                if matches!(c, '\\' | ' ' | '"' | '\'') {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
            escaped.push('\n');
        }
        let file = self.scratch.path().join("linker-arguments");
        fs::write(&file, escaped).with_context(|| scratch::cannot_write(&file))?;
        Ok(vec![format!("@{}", file.display())])
    }
}
