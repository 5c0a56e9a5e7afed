//! What link-only does besides where it optimises.
//!
//! It gathers what takes part, has it optimised for each group of artifacts, and says so in the
//! report.

use crate::files::archive::file_name;
use crate::formats::Linkage;
use crate::formats::link_line;
use crate::formats::report::{LtoGroup, Milliseconds};
use crate::link_only::contents::milliseconds;
use crate::link_only::line::{Line, Part};
use crate::link_only::linking::Linking;
use crate::link_only::symbols::Defined;
use crate::lto::cache::Cache;
use crate::lto::fat::Engine;
use crate::lto::group::{self, Key};
use crate::lto::inputs::Inputs;
use crate::lto::thin::distributed::{self, ThinLink};
use crate::lto::{Lto, Optimised, engine_beside_this_program, kept, split_debug_info, thin};
use crate::plan::crate_type::CrateType;
use crate::plan::linker_flavor::linker_args;
use crate::plan::{Item, LtoOptions};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A link and its line.
pub(super) type Member<'a, 'l> = (&'l Linking<'a>, &'l Line<'a>);

/// Which of `links`, all of one plan, share a run, by their places, and how they are optimised.
///
/// # Errors
/// If the plan was not made for LTO.
pub(super) fn groups<'p>(links: &[Linking<'p>]) -> Result<(Vec<Vec<usize>>, &'p LtoOptions)> {
    let first = links.first().context("nothing is linked")?;
    let options = first.plan.lto.as_ref().with_context(|| {
        format!(
            "`{}` was not compiled for LTO\n  help: give `--lto` to no-link too, and to `metadata` and `codegen` of all that it depends on",
            first.plan.crate_name
        )
    })?;
    let key = |linking: &Linking<'p>| {
        let formats = linking.decision.crates.iter().map(|(id, format)| (*id, format.linkage));
        Key::new(linking.link.crate_type, formats)
    };
    let keys: Vec<Key<'_>> = links.iter().map(key).collect();
    Ok((group::grouped(&keys), options))
}

/// Optimises what `lines`, those of `links`, all of one plan, link, and puts what comes out in its
/// place. Returns what to report.
///
/// # Errors
/// If something that is linked was not compiled for LTO by the same LLVM, or the optimisation
/// fails.
pub(crate) fn optimise<'a>(links: &[Linking<'a>], lines: &mut [Line<'a>]) -> Result<Done> {
    let Some(first) = links.first() else { return Ok(Done::default()) };
    let (groups, options) = groups(links)?;
    let how = match (&first.options.thin_link, &first.options.lto_cache) {
        (Some(path), _) => How::Linked(read_thin_link(path, first, groups.len())?),
        (None, Some(dir)) if first.options.lto == Lto::Thin && first.options.dwo_dir.is_some() => {
            eprintln!(
                "warning: the LTO cache `{}` is not used for `{}`, whose debug information goes into files of its own, which the cache does not keep\n  \
                 help: leave out `--lto-cache` or `--dwo-dir`",
                dir.display(),
                first.plan.crate_name
            );
            How::Here(None)
        }
        (None, Some(dir)) if first.options.lto == Lto::Thin => {
            How::Here(Cache::open(dir, first.options.lto_cache_size).inspect_err(|warning| eprintln!("{warning}")).ok())
        }
        (None, _) => How::Here(None),
    };
    for (linking, line) in links.iter().zip(&mut *lines) {
        line.find_native_files(linking)?;
    }
    let mut done = Done::default();
    for (number, places) in groups.iter().enumerate() {
        let members: Vec<Member<'_, '_>> = places.iter().map(|at| (&links[*at], &lines[*at])).collect();
        let types = || members.iter().map(|(linking, _)| linking.link.crate_type.name()).collect::<Vec<_>>().join(" and ");
        let made = optimise_group(&members, number, options, &how).with_context(|| format!("cannot optimise the {}", types()))?;
        let (optimised, report) = made;
        let scratch = members[0].0.scratch;
        let of_group = report.crate_types.iter().map(|crate_type| crate_type.name()).collect::<Vec<_>>().join("-");
        places.iter().for_each(|at| lines[*at].exchange(&optimised));
        done.groups.push(report);
        if first.options.dwo_dir.is_some() {
            let files = split_debug_info::made(&scratch.subdir("lto")?)?;
            done.dwo_files.extend(files.into_iter().map(|(number, file)| (format!("{of_group}.lto.{number}.dwo"), file)));
        }
    }
    if let How::Here(Some(cache)) = how {
        cache.prune();
        cache.warning().iter().for_each(|warning| eprintln!("{warning}"));
    }
    Ok(done)
}

/// What LTO did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What to report of each run.
    pub(crate) groups: Vec<LtoGroup>,
    /// The `.dwo` files that it made, if they were asked for, and what each is called.
    pub(crate) dwo_files: Vec<(String, PathBuf)>,
}

/// Where objects come from.
enum How<'c> {
    /// They are made in this action, or taken from a cache.
    Here(Option<Cache<'c>>),
    /// Others have made them, of what this thin link says.
    Linked(ThinLink),
}

/// Reads what the thin link says of the plan of `linking`, which has so many groups.
fn read_thin_link(path: &Path, linking: &Linking<'_>, groups: usize) -> Result<ThinLink> {
    let thin_link: ThinLink = distributed::read_list(path)?;
    let name = &linking.plan.crate_name;
    if thin_link.crate_name != *name || thin_link.groups.len() != groups {
        bail!(
            "the thin link `{}` is of `{}` in {} groups, and what is linked is `{name}` in {groups}\n  \
             help: `thin-link` and `link-only` must be given the same plan, crates and crate types",
            path.display(),
            thin_link.crate_name,
            thin_link.groups.len()
        );
    }
    Ok(thin_link)
}

fn optimise_group(members: &[Member<'_, '_>], number: usize, options: &LtoOptions, how: &How<'_>) -> Result<(Optimised, LtoGroup)> {
    let began = Instant::now();
    let (inputs, keep) = gather(members)?;
    let (objects, phases) = match how {
        How::Here(cache) => run(members, &inputs, &keep, options, cache.as_ref())?,
        How::Linked(thin_link) => (linked_objects(members, number, &inputs, &keep, options, thin_link)?, None),
    };
    let total = milliseconds(began.elapsed());
    let mut report = report(members, &objects, keep)?;
    report.modules = inputs.modules.len();
    report.milliseconds = members[0].0.options.report_times.then(|| {
        let phase = |at: usize| phases.map(|phases| phases[at]);
        Milliseconds { total, merge: phase(0), optimise: phase(1), generate: phase(2) }
    });
    Ok((Optimised { objects, remainders: inputs.remainders }, report))
}

/// The objects that others have made of `inputs`, those of the group `number`.
fn linked_objects(
    members: &[Member<'_, '_>],
    number: usize,
    inputs: &Inputs,
    keep: &[String],
    options: &LtoOptions,
    thin_link: &ThinLink,
) -> Result<Vec<PathBuf>> {
    let (first, _) = members[0];
    let group = &thin_link.groups[number];
    let linker = first.thin_lto_linker()?;
    if thin_run(members, inputs, keep, options, &linker).digest()? != group.inputs {
        bail!(
            "the thin link was made of other modules, or for other symbols, than those that are linked\n  \
             help: `thin-link` and `link-only` must be given the same plan, modules and crates; run the thin link again"
        );
    }
    let folder = first.options.thin_objects.as_deref().context("`--thin-link` needs `--thin-objects`")?;
    let mut objects = Vec::with_capacity(group.objects.len());
    for object in &group.objects {
        if !distributed::is_below(object) {
            bail!("{}", distributed::leads_elsewhere(object));
        }
        let path = folder.join(object);
        let bytes = fs::read(&path).with_context(|| {
            format!(
                "the object `{}` of thin LTO cannot be read\n  help: `splitlink thin-backend` makes it; is it among the action's inputs?",
                path.display()
            )
        })?;
        if object::File::parse(&*bytes).is_err() {
            bail!(
                "`{}` is no object\n  help: was it truncated or exchanged? run `splitlink thin-backend` of its crate again",
                path.display()
            );
        }
        objects.push(path);
    }
    Ok(objects)
}

/// What takes part of a group, and the symbols that it keeps.
pub(super) fn gather(members: &[Member<'_, '_>]) -> Result<(Inputs, Vec<String>)> {
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
    let splits_debug_info = first.options.dwo_dir.is_some();
    if splits_debug_info && inputs.is_web_assembly {
        bail!(
            "`--dwo-dir` is given for `{}`, whose objects are WebAssembly: there are `.dwo` files of ELF objects alone\n  \
             help: leave out `--dwo-dir`; debug information stays inside",
            first.plan.crate_name
        );
    }
    if first.options.lto == Lto::Thin {
        if inputs.is_web_assembly
            && let Some(dir) = &first.options.lto_cache
        {
            eprintln!(
                "warning: the LTO cache `{}` is not used for `{}`, which is WebAssembly: its linker compiles all modules or none\n  \
                 help: leave out `--lto-cache`, or use `--lto fat`",
                dir.display(),
                first.plan.crate_name
            );
        }
        let linker = first.thin_lto_linker()?;
        let cache = cache.filter(|_| !inputs.is_web_assembly);
        let run = thin::Run { cache, split_debug_info: splits_debug_info, ..thin_run(members, inputs, keep, options, &linker) };
        return Ok((run.objects(&dir)?, None));
    }
    let program = match &first.options.lto_engine {
        Some(program) => program.clone(),
        None => engine_beside_this_program()?,
    };
    let linker = splits_debug_info.then(|| first.thin_lto_linker()).transpose()?;
    let engine = Engine { program: &program, sysroot: first.options.sysroot.as_deref(), splits_debug_info: linker.as_deref() };
    let (objects, answer) = engine.objects(inputs.modules.clone(), keep.to_vec(), options.clone(), &dir)?;
    Ok((objects, Some(answer.milliseconds)))
}

/// The run of thin LTO for `members`, without a cache.
pub(super) fn thin_run<'r>(
    members: &[Member<'_, '_>],
    inputs: &'r Inputs,
    keep: &'r [String],
    options: &'r LtoOptions,
    linker: &'r Path,
) -> thin::Run<'r> {
    let is_fixed = |linking: &Linking<'_>| linking.has_flag("-no-pie") || linking.has_flag("-static");
    thin::Run {
        modules: &inputs.modules,
        allocator_shims: &inputs.allocator_shims,
        keep,
        options,
        shared: members.iter().any(|(linking, _)| linking.link.crate_type != CrateType::Bin),
        position_independent: !members.iter().any(|(linking, _)| is_fixed(linking)),
        linker,
        cache: None,
        split_debug_info: false,
        web_assembly: inputs.is_web_assembly.then(|| kind_of_web_assembly(members[0].0)),
    }
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
    pub(super) fn thin_lto_linker(&self) -> Result<PathBuf> {
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
