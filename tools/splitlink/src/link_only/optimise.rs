//! What link-only does besides where it optimises.
//!
//! It gathers what takes part, has it optimised for each group of artifacts, and says so in the
//! report.

use crate::files::archive::file_name;
use crate::formats::Linkage;
use crate::formats::link_line;
use crate::formats::report::{LtoGroup, Milliseconds};
use crate::link_only::line::{Line, Part};
use crate::link_only::linking::Linking;
use crate::link_only::symbols::Defined;
use crate::lto::cache::Cache;
use crate::lto::fat::Engine;
use crate::lto::group::{self, Key};
use crate::lto::inputs::Inputs;
use crate::lto::request::ENGINE;
use crate::lto::{Lto, Optimised, kept, thin};
use crate::plan::crate_type::CrateType;
use crate::plan::linker_flavor::linker_args;
use crate::plan::{Item, LtoOptions};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A link and its line.
type Member<'a, 'l> = (&'l Linking<'a>, &'l Line<'a>);

/// Optimises what `lines`, those of `links`, all of one plan, link, and puts what comes out in its
/// place. Returns what to report.
///
/// # Errors
/// If something that is linked was not compiled for LTO by the same LLVM, or the optimisation
/// fails.
pub(crate) fn optimise<'a>(links: &[Linking<'a>], lines: &mut [Line<'a>]) -> Result<Vec<LtoGroup>> {
    let Some(first) = links.first() else { return Ok(Vec::new()) };
    let options = first.plan.lto.as_ref().with_context(|| {
        format!(
            "`{}` was not compiled for LTO\n  help: give `--lto` to no-link too, and to `metadata` and `codegen` of all that it depends on",
            first.plan.crate_name
        )
    })?;
    let key = |linking: &Linking<'a>| {
        let formats = linking.decision.crates.iter().map(|(id, format)| (*id, format.linkage));
        Key::new(linking.link.crate_type, formats)
    };
    let keys: Vec<Key<'_>> = links.iter().map(key).collect();
    let cache = match &first.options.lto_cache {
        Some(dir) if first.options.lto == Lto::Thin => {
            Cache::open(dir, first.options.lto_cache_size).inspect_err(|warning| eprintln!("{warning}")).ok()
        }
        _ => None,
    };
    for (linking, line) in links.iter().zip(&mut *lines) {
        line.find_native_files(linking)?;
    }
    let mut reports = Vec::new();
    for places in group::grouped(&keys) {
        let members: Vec<Member<'_, '_>> = places.iter().map(|at| (&links[*at], &lines[*at])).collect();
        let types = || members.iter().map(|(linking, _)| linking.link.crate_type.name()).collect::<Vec<_>>().join(" and ");
        let done = optimise_group(&members, options, cache.as_ref()).with_context(|| format!("cannot optimise the {}", types()))?;
        let (optimised, report) = done;
        places.iter().for_each(|at| lines[*at].exchange(&optimised));
        reports.push(report);
    }
    if let Some(cache) = cache {
        cache.prune();
        cache.warning().iter().for_each(|warning| eprintln!("{warning}"));
    }
    Ok(reports)
}

fn optimise_group(members: &[Member<'_, '_>], options: &LtoOptions, cache: Option<&Cache<'_>>) -> Result<(Optimised, LtoGroup)> {
    let began = Instant::now();
    let (inputs, keep) = gather(members)?;
    let (objects, phases) = run(members, &inputs, &keep, options, cache)?;
    let total = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut report = report(members, &objects, keep)?;
    report.modules = inputs.modules.len();
    report.milliseconds = members[0].0.options.report_times.then(|| {
        let phase = |at: usize| phases.map(|phases| phases[at]);
        Milliseconds { total, merge: phase(0), optimise: phase(1), generate: phase(2) }
    });
    Ok((Optimised { objects, remainders: inputs.remainders }, report))
}

/// What takes part of a group, and the symbols that it keeps.
fn gather(members: &[Member<'_, '_>]) -> Result<(Inputs, Vec<String>)> {
    let (first, _) = members[0];
    let natives = first.scratch.subdir("lto/native")?;
    let mut inputs = Inputs::default();
    let mut keep = BTreeSet::new();
    for (linking, line) in members {
        line.gather(&mut inputs, &natives)?;
        keep.extend(linking.kept(line)?);
    }
    inputs.check_producers()?;
    if !inputs.modules.iter().any(|module| !module.on_demand) {
        bail!("`{}` has no bitcode\n  help: give `--lto` to no-link too", first.plan.crate_name);
    }
    keep.append(&mut inputs.needed);
    Ok((inputs, keep.into_iter().collect()))
}

/// Makes objects of `inputs`, and says how many milliseconds the parts of fat LTO took.
fn run(
    members: &[Member<'_, '_>],
    inputs: &Inputs,
    keep: &[String],
    options: &LtoOptions,
    cache: Option<&Cache<'_>>,
) -> Result<(Vec<PathBuf>, Option<[u64; 3]>)> {
    let (first, _) = members[0];
    let dir = first.scratch.subdir("lto")?;
    if first.options.lto == Lto::Thin {
        let web_assembly = inputs.is_web_assembly.then(|| kind_of_web_assembly(first));
        if web_assembly.is_some()
            && let Some(dir) = &first.options.lto_cache
        {
            eprintln!(
                "warning: the LTO cache `{}` is not used for `{}`, which is WebAssembly: its linker compiles all modules or none\n  \
                 help: leave out `--lto-cache`, or use `--lto fat`",
                dir.display(),
                first.plan.crate_name
            );
        }
        let is_fixed = |linking: &Linking<'_>| linking.has_flag("-no-pie") || linking.has_flag("-static");
        let run = thin::Run {
            modules: &inputs.modules,
            allocator_shims: &inputs.allocator_shims,
            keep,
            options,
            shared: members.iter().any(|(linking, _)| linking.link.crate_type != CrateType::Bin),
            position_independent: !members.iter().any(|(linking, _)| is_fixed(linking)),
            linker: &first.thin_lto_linker()?,
            cache: cache.filter(|_| web_assembly.is_none()),
            web_assembly,
        };
        return Ok((run.objects(&dir)?, None));
    }
    let program = match &first.options.lto_engine {
        Some(program) => program.clone(),
        None => beside_this_program()?,
    };
    let engine = Engine { program: &program, sysroot: first.options.sysroot.as_deref() };
    let (objects, answer) = engine.objects(inputs.modules.clone(), keep.to_vec(), options.clone(), &dir)?;
    Ok((objects, Some(answer.milliseconds)))
}

/// What the linker of `linking` is told of the kind of WebAssembly module that it makes.
fn kind_of_web_assembly(linking: &Linking<'_>) -> Vec<String> {
    let kinds = ["-shared", "--shared", "-pie", "--pie", "--experimental-pic"].into_iter();
    kinds.filter(|flag| linking.has_flag(flag)).map(str::to_owned).collect()
}

/// What to report of a group of which `objects` were made, without numbers of modules and times.
fn report(members: &[Member<'_, '_>], objects: &[PathBuf], keep: Vec<String>) -> Result<LtoGroup> {
    let (first, _) = members[0];
    let mut defined = Defined::default();
    let mut sizes = Vec::with_capacity(objects.len());
    for object in objects {
        defined.add_object(object)?;
        sizes.push(fs::metadata(object).map_or(0, |file| file.len()));
    }
    Ok(LtoGroup {
        mode: first.options.lto.name().to_owned(),
        crate_types: members.iter().map(|(linking, _)| linking.link.crate_type).collect(),
        threshold: first.link.crate_type.threshold().name().to_owned(),
        crates: first.decision.of(Linkage::Static).map(str::to_owned).collect(),
        modules: 0,
        kept: keep.into_iter().filter(|name| defined.has(name.as_bytes())).collect(),
        objects: sizes,
        milliseconds: None,
    })
}

/// The engine where releases and Cargo have it.
fn beside_this_program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the splitlink program itself")?;
    let engine = own.with_file_name(ENGINE);
    if !engine.is_file() {
        bail!(
            "fat LTO needs the program `{ENGINE}`, and it is not beside splitlink: `{}` does not exist\n  help: say where it is with `--lto-engine`",
            engine.display()
        );
    }
    Ok(engine)
}

/// Whether the linker takes all of the archives that come after its argument `arg`; none if that
/// says nothing of it.
fn takes_whole_archives(arg: &str) -> Option<bool> {
    match arg {
        "-whole-archive" | "--whole-archive" => Some(true),
        "-no-whole-archive" | "--no-whole-archive" => Some(false),
        _ => None,
    }
}

impl Line<'_> {
    /// Adds what of this line takes part; what of it does not goes into archives in `natives`.
    fn gather(&self, inputs: &mut Inputs, natives: &Path) -> Result<()> {
        let mut whole_archives = false;
        // What was so before each `--push-state`.
        let mut pushed = Vec::new();
        for part in &self.parts {
            match part {
                Part::File(item @ (Item::Module { file: name } | Item::AllocatorShim { file: name }), file) => {
                    if let Item::AllocatorShim { .. } = item {
                        inputs.allocator_shims.insert(name.clone());
                    }
                    if !inputs.remainders.contains_key(file) {
                        inputs.add_own(name, file)?;
                    }
                }
                Part::File(Item::WholeCrate { id }, file) => inputs.add_archive(id, file, true, natives)?,
                Part::File(Item::Crate { id }, file) => inputs.add_archive(id, file, false, natives)?,
                Part::File(item @ Item::SysrootCrate { file_name, .. }, file) => {
                    if link_line::crate_of(item).is_some_and(link_line::is_always_static) {
                        inputs.add_native_archive(file)?;
                    } else {
                        inputs.add_archive(file_name, file, false, natives)?;
                    }
                }
                Part::File(Item::BundledLibrary { .. } | Item::ArchivedLibrary { .. }, file) => {
                    inputs.add_archive(&file_name(file), file, whole_archives, natives)?;
                }
                Part::Argument(_, _, files) if !files.is_empty() => {
                    for file in files {
                        inputs.add_archive(&file_name(file), file, whole_archives, natives)?;
                    }
                }
                Part::Argument(_, arg, _) => {
                    for arg in linker_args(arg) {
                        match arg {
                            "--push-state" => pushed.push(whole_archives),
                            "--pop-state" => whole_archives = pushed.pop().unwrap_or(false),
                            arg => whole_archives = takes_whole_archives(arg).unwrap_or(whole_archives),
                        }
                    }
                }
                // Lists of symbols and metadata, and what is no file of the build's or made later.
                Part::File(..) | Part::Left(..) | Part::Objects(_) | Part::Dylib(_) => {}
                Part::SearchPath(_) | Part::RunPath(_) | Part::Output | Part::OutputImportLibrary(_) | Part::Hint { .. } => {}
            }
        }
        Ok(())
    }
}

impl Linking<'_> {
    /// The lld for thin LTO: the one that was given, or the toolchain's own.
    fn thin_lto_linker(&self) -> Result<PathBuf> {
        if let Some(linker) = &self.options.lto_linker {
            return Ok(linker.clone());
        }
        // It is with the programs of the machine that it runs on, whatever the target is.
        let own = self.own_programs().into_iter().map(|dir| dir.join("rust-lld")).find(|linker| linker.is_file());
        let targets = self.sysroot()?.join("lib/rustlib");
        own.with_context(|| {
            format!(
                "the toolchain has no linker for thin LTO: there is no `bin/rust-lld` of any target in `{}`\n  \
                 help: Rust's own toolchains have it (is it among the action's inputs?); with others, as Debian's, \
                 name an lld of the LLVM that `rustc -vV` says: `--lto-linker /usr/bin/ld.lld-22`",
                targets.display()
            )
        })
    }

    fn has_flag(&self, flag: &str) -> bool {
        self.link.line.iter().any(|item| matches!(item, Item::TargetFlag { arg } | Item::Passthrough { arg } if arg == flag))
    }

    /// The symbols that this link needs of what is optimised.
    fn kept(&self, line: &Line<'_>) -> Result<BTreeSet<String>> {
        let mut kept: BTreeSet<String> = kept::ENTRIES.map(str::to_owned).into();
        for (item, file) in line.files() {
            if let Item::SymbolsObject { .. } = item {
                kept.extend(kept::of_symbols_object(file)?);
            }
            if let Item::VersionScript { .. } | Item::ExportedSymbols { .. } = item {
                let script = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
                kept.extend(kept::of_version_script(&script));
            }
        }
        // Of native libraries that a dylib has inside as well.
        let args = self.link.line.iter().filter_map(|item| match item {
            Item::TargetFlag { arg } | Item::Passthrough { arg } => Some(arg.as_str()),
            _ => None,
        });
        // What is in files of arguments is on the resolved line only.
        let expanded = line.parts.iter().filter_map(|part| if let Part::Argument(_, arg, _) = part { Some(&**arg) } else { None });
        kept.extend(kept::of_arguments(args.chain(expanded)));
        Ok(kept)
    }
}
