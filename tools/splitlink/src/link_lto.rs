//! What link-only does more where it optimises: it gathers what takes part, has it optimised for each group of artifacts, and says so.

use crate::formats::Linkage;
use crate::link_line::{self, Part};
use crate::link_only::Linking;
use crate::lto::cache::Cache;
use crate::lto::fat::Engine;
use crate::lto::group::{self, Key, Threshold};
use crate::lto::inputs::Inputs;
use crate::lto::request::ENGINE;
use crate::lto::{self, Lto, Optimised, kept, thin};
use crate::plan::{FILE, Item, LtoOptions};
use crate::report::{LtoGroup, Milliseconds};
use crate::symbols::Defined;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What LTO made of the links of one plan.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Of each group, with what to report of it.
    pub(crate) results: Vec<(Optimised, LtoGroup)>,
    /// For each link, the place of its group.
    group_of: Vec<usize>,
}

impl Groups {
    /// What was made for the link in place `link`.
    pub(crate) fn of(&self, link: usize) -> Option<&Optimised> {
        Some(&self.results.get(*self.group_of.get(link)?)?.0)
    }
}

/// Optimises what `links` link, all of one plan.
///
/// # Errors
/// If something that is linked was not compiled for LTO by the same LLVM, or the optimisation fails.
pub(crate) fn optimise(links: &[Linking<'_>]) -> Result<Groups> {
    let Some(first) = links.first() else { return Ok(Groups::default()) };
    let options = first.plan.lto.as_ref().with_context(|| {
        format!(
            "`{}` was not compiled for LTO\n  help: give `--lto` to no-link too, and to `metadata` and `codegen` of all that it depends on",
            first.plan.crate_name
        )
    })?;
    let keys: Vec<Key<'_>> = links
        .iter()
        .map(|linking| {
            let formats = linking.decision.crates.iter().map(|(id, format)| (*id, format.linkage));
            Key::new(&linking.link.crate_type, formats)
        })
        .collect();
    let mut results = Vec::new();
    let mut group_of = vec![0; links.len()];
    for (number, members) in group::grouped(&keys).iter().enumerate() {
        let members: Vec<&Linking<'_>> = members
            .iter()
            .map(|at| {
                group_of[*at] = number;
                &links[*at]
            })
            .collect();
        let types = || members.iter().map(|linking| linking.link.crate_type.as_str()).collect::<Vec<_>>().join(" and ");
        results.push(optimise_group(&members, options).with_context(|| format!("cannot optimise the {}", types()))?);
    }
    Ok(Groups { results, group_of })
}

fn optimise_group(members: &[&Linking<'_>], options: &LtoOptions) -> Result<(Optimised, LtoGroup)> {
    let began = Instant::now();
    let first = members[0];
    let dir = first.scratch.subdir("lto")?;
    let natives = first.scratch.subdir("lto/native")?;
    let mut inputs = Inputs::default();
    let mut keep = BTreeSet::new();
    for linking in members {
        linking.gather(&mut inputs, &natives)?;
        keep.extend(linking.kept()?);
    }
    inputs.check_producers()?;
    if !inputs.modules.iter().any(|module| !module.on_demand) {
        bail!("`{}` has no bitcode\n  help: give `--lto` to no-link too", first.plan.crate_name);
    }
    keep.extend(inputs.needed);
    let keep: Vec<String> = keep.into_iter().collect();
    let modules = inputs.modules.len();
    let mut phases = None;
    let objects = match first.inputs.lto {
        Lto::Thin => {
            let shared = members.iter().any(|linking| linking.link.crate_type != "bin");
            let run = thin::Run {
                modules: &inputs.modules,
                keep: &keep,
                options,
                shared,
                position_independent: !members.iter().any(|linking| linking.has_flag("-no-pie") || linking.has_flag("-static")),
                bin: &first.sysroot_libdir()?.with_file_name("bin"),
                cache: first.inputs.lto_cache.as_deref().map(|dir| Cache::open(dir, first.inputs.lto_cache_size)).transpose()?,
            };
            run.objects(&dir)?
        }
        _ => {
            let program = match &first.inputs.lto_engine {
                Some(program) => program.clone(),
                None => beside_this_program()?,
            };
            let engine = Engine { program: &program, sysroot: first.inputs.sysroot.as_deref() };
            let (objects, answer) = engine.objects(inputs.modules, keep.clone(), options.clone(), &dir)?;
            phases = Some(answer.milliseconds);
            objects
        }
    };
    let total = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut defined = Defined::default();
    let mut sizes = Vec::with_capacity(objects.len());
    for object in &objects {
        defined.add_object(object)?;
        sizes.push(fs::metadata(object).map_or(0, |file| file.len()));
    }
    let group = LtoGroup {
        mode: first.inputs.lto.name().to_owned(),
        crate_types: members.iter().map(|linking| linking.link.crate_type.clone()).collect(),
        threshold: Threshold::of(&first.link.crate_type).name().to_owned(),
        crates: first.decision.of(Linkage::Static).map(str::to_owned).collect(),
        modules,
        kept: keep.into_iter().filter(|name| defined.has(name.as_bytes())).collect(),
        objects: sizes,
        milliseconds: first.inputs.report_times.then(|| {
            let phase = |at: usize| phases.map(|phases| phases[at]);
            Milliseconds { total, merge: phase(0), optimise: phase(1), generate: phase(2) }
        }),
    };
    Ok((Optimised { objects, natives: inputs.natives }, group))
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

/// Whether the linker takes all of the archives that come after its argument `arg`; none if that says nothing of it.
fn takes_whole_archives(arg: &str) -> Option<bool> {
    let parts = arg.strip_prefix("-Wl,").unwrap_or(arg).split(',');
    let mut says = parts.filter_map(|part| match part.trim_start_matches('-') {
        "whole-archive" if part.starts_with('-') => Some(true),
        "no-whole-archive" if part.starts_with('-') => Some(false),
        _ => None,
    });
    says.next_back()
}

impl Linking<'_> {
    fn has_flag(&self, flag: &str) -> bool {
        self.link.line.iter().any(|item| matches!(item, Item::TargetFlag { arg } | Item::Passthrough { arg } if arg == flag))
    }

    /// The linker's arguments for what of `item` LTO has left, and whether that is all there is to say of it.
    pub(crate) fn add_args_optimised(&self, item: &Item, optimised: &Optimised, args: &mut Vec<String>) -> Result<bool> {
        let path = match item {
            Item::Module { file } | Item::AllocatorShim { file } => self.module(file)?,
            Item::Crate { id } | Item::WholeCrate { id } => self.rlib(id)?.to_owned(),
            Item::SysrootCrate { target, file_name } => self.sysroot_crate(target, file_name)?,
            item if lto::is_for_linkers_own(item) => return Ok(true),
            item => match self.native_file(item)? {
                Some(path) => path,
                None => return Ok(false),
            },
        };
        match optimised.natives.get(&path) {
            Some(None) => Ok(true),
            Some(Some(native)) => {
                let native = native.to_string_lossy().into_owned();
                args.push(if let Item::BundledLibrary { arg, .. } = item { arg.replace(FILE, &native) } else { native });
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Whether all of `item` took part in LTO, so that its file is not linked.
    pub(crate) fn is_optimised_away(&self, item: &Item) -> bool {
        let Some(optimised) = self.optimised else { return false };
        let path = match item {
            Item::Module { file } | Item::AllocatorShim { file } => self.module(file),
            Item::Crate { id } | Item::WholeCrate { id } => self.rlib(id).map(Path::to_owned),
            Item::SysrootCrate { target, file_name } => self.sysroot_crate(target, file_name),
            _ => return false,
        };
        path.is_ok_and(|path| optimised.native(&path).is_none())
    }

    /// Adds what of this link takes part; what of it does not goes into archives in `natives`.
    fn gather(&self, inputs: &mut Inputs, natives: &Path) -> Result<()> {
        let mut whole_archives = false;
        // What rustc itself puts into an archive has no order.
        for part in link_line::with_formats(&self.link.line, &self.decision.linkage()).parts {
            let Part::Item(item) = part else { continue };
            match item {
                Item::Module { file } | Item::AllocatorShim { file } => {
                    let path = self.module(file)?;
                    if !inputs.natives.contains_key(&path) {
                        inputs.add_own(file, &path)?;
                    }
                }
                Item::WholeCrate { id } => inputs.add_archive(id, self.rlib(id)?, true, natives)?,
                Item::Crate { id } => inputs.add_archive(id, self.rlib(id)?, false, natives)?,
                Item::SysrootCrate { target, file_name } => {
                    let rlib = self.sysroot_crate(target, file_name)?;
                    if link_line::crate_of(item).is_some_and(link_line::is_always_static) {
                        inputs.add_native_archive(&rlib)?;
                    } else {
                        inputs.add_archive(file_name, &rlib, false, natives)?;
                    }
                }
                _ => {
                    if let Some(path) = self.native_file(item)? {
                        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                        inputs.add_archive(&name, &path, whole_archives, natives)?;
                    }
                    if let Item::TargetFlag { arg } | Item::Passthrough { arg } = item {
                        whole_archives = takes_whole_archives(arg).unwrap_or(whole_archives);
                    }
                }
            }
        }
        Ok(())
    }

    /// The archive or object that a native item is; none for a dynamic library, or one that is the linker's to find.
    pub(crate) fn native_file(&self, item: &Item) -> Result<Option<PathBuf>> {
        let is_static = |path: &Path| path.extension().is_some_and(|e| e == "a" || e == "o" || e == "lo") && path.is_file();
        Ok(match item {
            Item::NativeLibrary { arg } => {
                let Some(name) = arg.strip_prefix("-l") else { return Ok(None) };
                self.find_library_file(&format!("lib{name}.a"))?.filter(|path| !path.with_extension("so").exists())
            }
            Item::ArchivedLibrary { name, verbatim } => Some(self.find_library(name, *verbatim)?),
            Item::BundledLibrary { id, member, .. } => Some(self.bundled_library(id, member)?),
            Item::Passthrough { arg } | Item::TargetFlag { arg } if !arg.starts_with('-') => {
                Some(PathBuf::from(self.resolved(arg)?)).filter(|path| is_static(path))
            }
            _ => None,
        })
    }

    /// The symbols that this link needs of what is optimised.
    fn kept(&self) -> Result<BTreeSet<String>> {
        let mut kept: BTreeSet<String> = kept::ENTRIES.map(str::to_owned).into();
        for item in &self.link.line {
            match item {
                Item::SymbolsObject { file } => kept.extend(kept::of_symbols_object(&self.module(file)?)?),
                Item::VersionScript { file, .. } | Item::ExportedSymbols { file } => {
                    let path = self.module(file)?;
                    let script = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
                    kept.extend(kept::of_version_script(&script));
                }
                _ => {}
            }
        }
        let args = self.link.line.iter().filter_map(|item| match item {
            Item::TargetFlag { arg } | Item::Passthrough { arg } => Some(arg.as_str()),
            _ => None,
        });
        kept.extend(kept::of_arguments(args));
        Ok(kept)
    }
}
