//! The first action of distributed thin LTO: it reads what link-only reads, and writes for each
//! crate what its objects follow from.

use super::line::{Line, Part};
use super::linking::{Linking, Options};
use super::optimise::{self, Member};
use super::{Given, cannot, decide, link_for};
use crate::files::crates;
use crate::files::scratch::{self, PUBLISH, Scratch};
use crate::lto::Lto;
use crate::lto::request::Bitcode;
use crate::lto::thin::distributed::{
    self, CrateGroup, CrateModules, IndexedModule, LINK_FILE, LinkedGroup, MODULES_FILE, STD_BITCODE, ThinLink, digest,
};
use crate::plan::crate_type::CrateType;
use crate::plan::{Item, LtoOptions};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the linked crate itself, and of bitcode that is no Rust crate's.
const OWN: &str = "own";
/// The folders of the standard library, of which each crate's name begins with that.
const STD: [&str; 4] = ["std/core", "std/alloc", "std/std", "std/rest"];
/// Bitcode, and indexes, in the folder of a group.
const BITCODE: &str = "modules";
const INDEXES: &str = "indexes";

/// Runs the thin link of what `crate_types` asks for, none for the plan's only one.
///
/// # Errors
/// As link-only's; what distributed thin LTO cannot do; the linker's, with its own message.
pub fn run(options: &Options, crate_types: &[CrateType], output_dir: &Path) -> Result<()> {
    if options.lto == Lto::Fat {
        bail!("`--lto fat` merges all modules into one, and the thin link is of thin LTO\n  help: leave `--lto` out, or say `--lto thin`");
    }
    for (given, name) in [
        (options.lto_cache.is_some(), "--lto-cache"),
        (options.thin_link.is_some(), "--thin-link"),
        (options.report.is_some(), "--report"),
        (options.dwo_dir.is_some(), "--dwo-dir"),
    ] {
        if given {
            bail!("`{name}` is for link-only, and the thin link makes nothing that it could be for\n  help: leave it out here");
        }
    }
    if let Some(twice) = crate_types.iter().enumerate().find_map(|(at, one)| crate_types[..at].contains(one).then_some(one)) {
        bail!("`--crate-type {twice}` is given twice\n  help: give it once");
    }
    let Given { plan, rlibs, offered } = Given::read(options)?;
    let mut places = options.places();
    places.inputs("an rlib", &rlibs);
    places.output_folder("the folder of the thin link", output_dir);
    places.check()?;
    let wanted: Vec<Option<CrateType>> = if crate_types.is_empty() { vec![None] } else { crate_types.iter().copied().map(Some).collect() };
    let mut jobs = Vec::with_capacity(wanted.len());
    for crate_type in wanted {
        let link = link_for(&plan, crate_type)?;
        let decision = decide(options, &plan, link, &offered)?;
        jobs.push((link, decision, Scratch::beside(output_dir)?));
    }
    let links: Vec<Linking<'_>> =
        jobs.iter().map(|(link, decision, scratch)| Linking { plan: &plan, link, options, offered: &offered, decision, scratch }).collect();
    let resolved = links.iter().map(|linking| Line::resolve(linking).with_context(|| cannot(&plan, linking.link)));
    let mut lines: Vec<Line<'_>> = resolved.collect::<Result<_>>()?;
    let mut folders: Vec<String> = [OWN].into_iter().chain(STD).map(str::to_owned).collect();
    for rlib in &rlibs {
        folders.push(folder_of_crate(&crates::identity(rlib)?));
    }
    let made = jobs[0].2.subdir(PUBLISH)?;
    write(&links, &mut lines, folders, &made)?;
    publish(&made, output_dir)
}

/// Writes all into `made`, where each of `folders` is of a crate.
fn write<'a>(links: &[Linking<'a>], lines: &mut [Line<'a>], folders: Vec<String>, made: &Path) -> Result<()> {
    let (groups, options) = optimise::groups(links)?;
    for (linking, line) in links.iter().zip(&mut *lines) {
        line.find_native_files(linking)?;
    }
    let crate_name = links[0].plan.crate_name.clone();
    let list = |folder: String| {
        let crate_name = if folder == OWN { crate_name.clone() } else { folder.rsplit('/').next().unwrap_or_default().to_owned() };
        (folder, CrateModules { version: distributed::VERSION, crate_name, groups: BTreeMap::new() })
    };
    let mut lists: BTreeMap<String, CrateModules> = folders.into_iter().map(list).collect();
    let mut linked = Vec::with_capacity(groups.len());
    make_folder(&made.join(STD_BITCODE))?;
    for (number, places) in groups.iter().enumerate() {
        let members: Vec<Member<'_, '_>> = places.iter().map(|at| (&links[*at], &lines[*at])).collect();
        let types = || members.iter().map(|(linking, _)| linking.link.crate_type.name()).collect::<Vec<_>>().join(" and ");
        let group = write_group(&members, number, options, &mut lists, made).with_context(|| format!("cannot optimise the {}", types()))?;
        linked.push(group);
    }
    for (folder, list) in lists {
        make_folder(&made.join(&folder))?;
        write_json(&made.join(folder).join(MODULES_FILE), &list)?;
    }
    write_json(&made.join(LINK_FILE), &ThinLink { version: distributed::VERSION, crate_name, groups: linked })
}

fn write_group(
    members: &[Member<'_, '_>],
    number: usize,
    options: &LtoOptions,
    lists: &mut BTreeMap<String, CrateModules>,
    made: &Path,
) -> Result<LinkedGroup> {
    let (first, _) = members[0];
    let (inputs, keep) = optimise::gather(members)?;
    if !inputs.is_web_assembly {
        inputs.check_one_producer()?;
    }
    let owners = owners(members);
    let folder_of = |module: &Bitcode| owners.get(&module.file).cloned().unwrap_or_else(|| OWN.to_owned());
    let linker = first.thin_lto_linker()?;
    let run = optimise::thin_run(members, &inputs, &keep, options, &linker);
    let dir = first.scratch.subdir(&format!("lto/{number}"))?;
    let indexed = run.indexes(&dir, |module| folder_of(module).starts_with("std/"))?;
    // All of it, so that it is the same for all links.
    let std_bitcode = dir.join(STD_BITCODE);
    if std_bitcode.is_dir() {
        for name in names(&std_bitcode)?.into_iter().filter(|name| name.ends_with(".bc") && !name.ends_with(".thinlto.bc")) {
            link_or_copy(&std_bitcode.join(&name), &made.join(STD_BITCODE).join(&name))?;
        }
    }
    let mut digests: HashMap<String, String> = HashMap::new();
    let mut digest_of = |file: &str, path: &Path| -> Result<String> {
        if let Some(digest) = digests.get(file) {
            return Ok(digest.clone());
        }
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let found = digest([bytes.as_slice()]);
        digests.insert(file.to_owned(), found.clone());
        Ok(found)
    };
    let mut objects = Vec::with_capacity(indexed.len());
    for module in indexed {
        let crate_folder = folder_of(module.module);
        let list = lists.get_mut(&crate_folder).with_context(|| format!("`{}` is of no crate that was given", module.module.name))?;
        let group = list.groups.entry(number).or_insert_with(|| CrateGroup {
            options: options.clone(),
            position_independent: run.shared || run.position_independent,
            modules: Vec::new(),
            digests: BTreeMap::new(),
        });
        let folder = made.join(&crate_folder).join(number.to_string());
        make_folder(&folder.join(BITCODE))?;
        make_folder(&folder.join(INDEXES))?;
        for file in std::iter::once(&module.file).chain(&module.imports) {
            let path = dir.join(file);
            group.digests.insert(file.clone(), digest_of(file, &path)?);
            if !file.starts_with(STD_BITCODE) {
                link_or_copy(&path, &folder.join(file))?;
            }
        }
        let stem = Path::new(&module.file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let index = format!("{INDEXES}/{stem}.thinlto.bc");
        group.digests.insert(index.clone(), digest_of(&index, &module.index)?);
        link_or_copy(&module.index, &folder.join(&index))?;
        let object = format!("{stem}.o");
        objects.push(format!("{crate_folder}/{number}/{object}"));
        group.modules.push(IndexedModule {
            name: module.module.name.clone(),
            bitcode: module.file,
            index,
            imports: module.imports,
            object,
        });
    }
    Ok(LinkedGroup { inputs: run.digest()?, objects })
}

fn folder_of_crate(id: &str) -> String {
    format!("crates/{id}")
}

/// The folder of each file's crate.
fn owners(members: &[Member<'_, '_>]) -> HashMap<PathBuf, String> {
    let of_part = |part: &Part<'_>| match part {
        Part::File(Item::Crate { id } | Item::WholeCrate { id }, file) => Some((file.clone(), folder_of_crate(id))),
        Part::File(Item::SysrootCrate { file_name, .. }, file) => {
            let name = file_name.strip_prefix("lib").unwrap_or(file_name);
            let is_of = |folder: &&str| folder.strip_prefix("std/").is_some_and(|of| name.split(['-', '.']).next() == Some(of));
            Some((file.clone(), STD.into_iter().find(is_of).unwrap_or("std/rest").to_owned()))
        }
        _ => None,
    };
    members.iter().flat_map(|(_, line)| line.parts.iter().filter_map(of_part)).collect()
}

/// The names of what is in `dir`, in order.
fn names(dir: &Path) -> Result<Vec<String>> {
    let cannot = || format!("cannot list `{}`", dir.display());
    let entries: Vec<fs::DirEntry> = fs::read_dir(dir).and_then(Iterator::collect).with_context(cannot)?;
    let mut names: Vec<String> = entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| scratch::cannot_write(path))
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("plain data") + "\n";
    fs::write(path, text).with_context(|| scratch::cannot_write(path))
}

/// Puts the file `from` at `to`, too, unless that is there: it is the same then.
fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Ok(());
    }
    scratch::link_or_copy(from, to).with_context(|| scratch::cannot_write(to))
}

/// Moves all files in `made` to the same places in `output_dir`, or none.
fn publish(made: &Path, output_dir: &Path) -> Result<()> {
    let mut finished = scratch::Finished::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        make_folder(&output_dir.join(&folder))?;
        for name in names(&made.join(&folder))? {
            let path = folder.join(name);
            if made.join(&path).is_dir() {
                folders.push(path);
                continue;
            }
            let to = output_dir.join(&path);
            if to.exists() {
                bail!("`{}` is there already\n  help: give `--output-dir` a folder that is empty", to.display());
            }
            finished.add(made.join(path), to);
        }
    }
    finished.publish()
}
