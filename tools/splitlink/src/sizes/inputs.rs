//! What was linked, and which of it defines what: crates by their rlibs, the linked crate by its
//! modules, native libraries by their archives.
//!
//! Of an rlib only its index and the names of its members are read, however large it is; of objects
//! of other languages their symbols, if anything of them is in the artifact.

use super::v0;
use crate::files::crates;
use crate::files::paths::as_argument;
use crate::files::{archive, bundled, rlib};
use crate::formats::link_line;
use crate::lto::bitcode;
use crate::plan::{CWD, Item, Link, LinkPlan, MODULES, SYSROOT};
use anyhow::{Context, Result, bail};
use object::elf::ELFMAG;
use object::read::archive::ArchiveFile;
use object::{File, Object, ObjectSymbol, ReadCache, ReadRef, SymbolKind};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate that may be in the artifact.
#[derive(Debug, Clone)]
pub(super) struct Crate {
    /// Its identity.
    pub(super) id: String,
    /// Whether it is the standard library's.
    pub(super) is_std: bool,
    /// What symbols and codegen units call it besides its name, if that is known.
    pub(super) stable_id: Option<u64>,
}

impl Crate {
    pub(super) fn name(&self) -> &str {
        crates::name(&self.id)
    }
}

/// Where machine code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The linked crate's own modules.
    Own,
    /// Rust objects of the crate of that number.
    Crate(usize),
    /// Other objects in its rlib.
    Carried(usize),
    /// The native library of that number.
    Library(usize),
}

/// Where link-only found what it linked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) modules: &'a Path,
    pub(super) rlibs: &'a crates::CrateFiles,
    pub(super) sysroot: Option<&'a Path>,
}

/// What was linked.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) own_stable_id: Option<u64>,
    pub(super) crates: Vec<Crate>,
    /// Their numbers, by name.
    by_name: HashMap<String, Vec<usize>>,
    /// Native libraries by name.
    pub(super) libraries: Vec<String>,
    /// Codegen units, by name.
    units: HashMap<String, Source>,
    /// Source files of other languages, by the name that a symbol table has of them; None if
    /// several libraries have one of that name.
    files: HashMap<String, Option<Source>>,
    /// Which define a symbol for others, by the number of its name.
    definitions: Vec<Vec<Source>>,
    /// Which objects define a symbol for themselves.
    local_definitions: Vec<Vec<Source>>,
}

/// The names of the artifact's symbols, with numbers: each is looked up once.
pub(super) type Names<'n> = HashMap<&'n str, usize>;

impl Inputs {
    /// Looks through what `link` says for the `names`, the symbols of the artifact.
    ///
    /// # Errors
    /// If a file is missing or cannot be read.
    pub(super) fn read(plan: &LinkPlan, link: &Link, places: Places<'_>, names: &Names<'_>) -> Result<Self> {
        let none = || vec![Vec::new(); names.len()];
        let mut inputs = Self { definitions: none(), local_definitions: none(), ..Self::default() };
        for item in &link.line {
            inputs.add(plan, link, item, places, names)?;
        }
        Ok(inputs)
    }

    fn add(&mut self, plan: &LinkPlan, link: &Link, item: &Item, places: Places<'_>, names: &Names<'_>) -> Result<()> {
        match item {
            Item::Module { file } | Item::AllocatorShim { file } => {
                let path = places.modules.join(file);
                let bytes = fs::read(&path).with_context(|| {
                    format!("cannot read the module `{}`\n  help: plan and modules must come from the same no-link action", path.display())
                })?;
                if matches!(item, Item::Module { .. }) {
                    self.add_unit(&archive::file_name(Path::new(file)), Source::Own, &plan.crate_name);
                }
                self.add_object(&bytes, Source::Own, names);
            }
            Item::Crate { id } | Item::WholeCrate { id } => {
                let path = places.rlibs.get(id).with_context(|| {
                    format!("the plan links the crate `{id}`, and no rlib of it was given\n  help: give what link-only was given: `--rlib lib{id}.rlib`, or `--rlib-dir` with its folder")
                })?;
                self.add_rlib(id, false, path, names)?;
            }
            Item::SysrootCrate { target, file_name } => {
                let Some(id) = link_line::crate_of(item) else { bail!("the plan names the crate of the sysroot `{file_name}`") };
                let sysroot = places
                    .sysroot
                    .context("the plan links crates of the sysroot, and no sysroot was given\n  help: add `--sysroot DIR`")?;
                let path = sysroot.join("lib/rustlib").join(target).join("lib").join(file_name);
                self.add_rlib(id, true, &path, names)?;
            }
            Item::BundledLibrary { id, member, .. } => {
                let Some(path) = places.rlibs.get(id) else { return Ok(()) };
                self.add_bundled(path, member, names)?;
            }
            Item::NativeLibrary { arg } => {
                let name = arg.strip_prefix("-l").unwrap_or(arg);
                let file = name.strip_prefix(':').map_or_else(|| format!("lib{name}.a"), str::to_owned);
                for item in &link.line {
                    if let Item::SearchPath { dir } = item {
                        let path = Path::new(&resolved(dir, places)?).join(&file);
                        if path.is_file() {
                            return self.add_library(name, &path, names);
                        }
                    }
                }
            }
            // Of the linker's flags, those that name a file.
            Item::Passthrough { arg } | Item::TargetFlag { arg } => {
                for part in arg.split(',').filter(|part| !part.starts_with('-')) {
                    let path = PathBuf::from(resolved(part, places)?);
                    if path.is_file() {
                        let name = archive::file_name(&path);
                        let name = name.strip_prefix("lib").and_then(|name| name.strip_suffix(".a")).unwrap_or(&name);
                        self.add_library(name, &path, names)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds a codegen unit by the name of its object, `<output>.<crate>.<hash>-cgu.<number>.rcgu.o`
    /// or `<output>.<hash>[.<run>].rcgu.o`
    /// (`rustc_session::config::OutputFilenames::temp_path_ext_for_cgu`, 1.95). The first hash is
    /// rustc's `StableCrateId` in hexadecimal digits.
    fn add_unit(&mut self, object: &str, source: Source, crate_name: &str) -> Option<()> {
        let stem = object.strip_suffix(".rcgu.o")?;
        match stem.rsplit_once("-cgu.") {
            Some((before, number)) => {
                let mut parts = before.rsplit('.');
                let (hash, of) = (parts.next()?, parts.next()?);
                let number = number.split('.').next().unwrap_or_default();
                self.units.insert(format!("{of}.{hash}-cgu.{number}"), source);
                if of == crate_name {
                    let id = u64::from_str_radix(hash, 16).ok();
                    match source {
                        Source::Crate(number) => self.crates[number].stable_id = id,
                        _ => self.own_stable_id = id,
                    }
                }
            }
            None => {
                for part in stem.split('.').filter(|part| part.len() >= 16) {
                    self.units.insert(part.to_owned(), source);
                }
            }
        }
        Some(())
    }

    fn add_rlib(&mut self, id: &str, is_std: bool, path: &Path, names: &Names<'_>) -> Result<()> {
        // A crate may stand in the line twice.
        if self.crates.iter().any(|known| known.id == id) {
            return Ok(());
        }
        let number = self.crates.len();
        self.crates.push(Crate { id: id.to_owned(), is_std, stable_id: None });
        let file = fs::File::open(path)
            .with_context(|| format!("cannot read the rlib `{}`\n  help: is it among the action's inputs?", path.display()))?;
        let cache = ReadCache::new(file);
        let name = crates::name(id).to_owned();
        self.by_name.entry(name.clone()).or_default().push(number);
        let votes = self
            .add_archive(
                &cache,
                names,
                |member| if rlib::is_of_rust(member) { Source::Crate(number) } else { Source::Carried(number) },
                &name,
            )
            .with_context(|| format!("`{}` is not a whole Rust library (rlib)\n  help: was it truncated?", path.display()))?;
        if self.crates[number].stable_id.is_none() {
            // Compiled incrementally: its symbols say it, and those of generic functions of others.
            self.crates[number].stable_id = votes.into_iter().max_by_key(|(id, times)| (*times, *id)).map(|(id, _)| id);
        }
        Ok(())
    }

    /// Adds what an archive defines. Returns how often its symbols name a crate `crate_name`, by
    /// what tells such apart, if its codegen units do not say so.
    fn add_archive<'a, R: ReadRef<'a>>(
        &mut self,
        data: R,
        names: &Names<'_>,
        source: impl Fn(&str) -> Source,
        crate_name: &str,
    ) -> Result<HashMap<u64, usize>> {
        let archive = ArchiveFile::parse(data)?;
        let mut is_known = false;
        for member in archive.members() {
            let member = member?;
            let Ok(name) = std::str::from_utf8(member.name()) else { continue };
            let from = source(name);
            if matches!(from, Source::Crate(_)) {
                self.add_unit(name, from, crate_name);
                is_known |= name.contains("-cgu.");
            }
            // What was compiled for LTO is in no index.
            let (offset, _) = member.file_range();
            if rlib::is_of_rust(name) && data.read_bytes_at(offset, 4).is_ok_and(bitcode::is_bitcode) {
                self.add_object(member.data(data)?, from, names);
            }
        }
        let mut votes: HashMap<u64, usize> = HashMap::new();
        let mut sources = HashMap::new();
        for symbol in archive.symbols()?.into_iter().flatten() {
            let symbol = symbol?;
            let Ok(name) = std::str::from_utf8(symbol.name()) else { continue };
            if !is_known && let Some(id) = v0::parse(name).filter(|place| place.root.name == crate_name).and_then(|place| place.root.id) {
                *votes.entry(id).or_default() += 1;
            }
            let Some(&number) = names.get(name) else { continue };
            let from = match sources.get(&symbol.offset().0) {
                Some(&from) => from,
                None => {
                    let member = archive.member(symbol.offset())?;
                    let from = source(&String::from_utf8_lossy(member.name()));
                    // Its local symbols are in no index.
                    if matches!(from, Source::Carried(_) | Source::Library(_)) {
                        self.add_object(member.data(data)?, from, names);
                    }
                    sources.insert(symbol.offset().0, from);
                    from
                }
            };
            add_source(&mut self.definitions[number], from);
        }
        Ok(votes)
    }

    fn add_library(&mut self, name: &str, path: &Path, names: &Names<'_>) -> Result<()> {
        let cannot = || format!("cannot read the native library `{}`", path.display());
        let bytes = fs::read(path).with_context(cannot)?;
        let is_archive = archive::is_archive(&bytes);
        if is_archive && !bytes.starts_with(b"!<thin>\n") {
            let source = self.library(name);
            self.add_archive(&*bytes, names, |_| source, "").with_context(cannot)?;
        } else if is_archive {
            let source = self.library(name);
            let archive = archive::Archive::read(path)?;
            archive.members.iter().for_each(|member| self.add_object(archive.contents(member), source, names));
        } else if File::parse(&*bytes).is_ok_and(|object| object.kind() == object::ObjectKind::Relocatable) {
            let source = self.library(name);
            self.add_object(&bytes, source, names);
        }
        Ok(())
    }

    fn add_bundled(&mut self, rlib: &Path, member: &str, names: &Names<'_>) -> Result<()> {
        let archive = archive::Archive::read(rlib)?;
        let Some(found) = archive.members.iter().find(|found| found.name == member) else { return Ok(()) };
        let Some(library) = bundled::library_in(archive.contents(found))? else { return Ok(()) };
        let name = member.strip_prefix("lib").and_then(|name| name.strip_suffix(".a")).unwrap_or(member);
        let source = self.library(name);
        self.add_archive(library, names, |_| source, "")
            .with_context(|| format!("the library `{member}` in `{}` is broken", rlib.display()))?;
        Ok(())
    }

    fn library(&mut self, name: &str) -> Source {
        let number = self.libraries.iter().position(|known| known == name).unwrap_or_else(|| {
            self.libraries.push(name.to_owned());
            self.libraries.len() - 1
        });
        Source::Library(number)
    }

    /// Adds what an object or bitcode defines.
    fn add_object(&mut self, bytes: &[u8], source: Source, names: &Names<'_>) {
        if bitcode::is_bitcode(bytes) {
            for name in bitcode::definitions(bytes).into_iter().flatten() {
                if let Some(&number) = names.get(name) {
                    add_source(&mut self.definitions[number], source);
                }
            }
        }
        if !bytes.starts_with(&ELFMAG) {
            return;
        }
        let Ok(object) = File::parse(bytes) else { return };
        for symbol in object.symbols() {
            let Ok(name) = symbol.name() else { continue };
            if symbol.kind() == SymbolKind::File {
                if source != Source::Own {
                    self.files
                        .entry(name.to_owned())
                        .and_modify(|known| *known = known.filter(|known| *known == source))
                        .or_insert(Some(source));
                }
            } else if !symbol.is_undefined()
                && let Some(&number) = names.get(name)
            {
                let all = if symbol.is_local() { &mut self.local_definitions } else { &mut self.definitions };
                add_source(&mut all[number], source);
            }
        }
    }

    /// The crates called `name`, by number.
    pub(super) fn called(&self, name: &str) -> &[usize] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// What a codegen unit of the name `unit` was compiled for; the source file `unit`, if that is
    /// one of another language.
    pub(super) fn of_unit(&self, unit: &str) -> Option<Source> {
        self.units.get(unit).copied().or_else(|| self.files.get(unit).copied().flatten())
    }

    /// What defines the name of that number for others, if only one does.
    pub(super) fn of_symbol(&self, number: usize) -> Option<Source> {
        only(self.definitions.get(number)?)
    }

    /// What defines it for itself, if only one does.
    pub(super) fn of_local_symbol(&self, number: usize) -> Option<Source> {
        only(self.local_definitions.get(number)?)
    }

    /// Whether anything that was linked defines it for others.
    pub(super) fn defines(&self, number: usize) -> bool {
        self.definitions.get(number).is_some_and(|sources| !sources.is_empty())
    }
}

fn add_source(sources: &mut Vec<Source>, source: Source) {
    if !sources.contains(&source) {
        sources.push(source);
    }
}

fn only(sources: &[Source]) -> Option<Source> {
    if let [only] = sources { Some(*only) } else { None }
}

/// `text` with the plan's placeholders filled in.
fn resolved(text: &str, places: Places<'_>) -> Result<String> {
    let mut text = text.replace(MODULES, &as_argument(places.modules));
    if let Some(sysroot) = places.sysroot {
        text = text.replace(SYSROOT, &as_argument(sysroot));
    }
    if text.contains(CWD) {
        text = text.replace(CWD, &std::env::current_dir().context("cannot tell the working folder")?.to_string_lossy());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codegen_units() {
        let mut inputs = Inputs::default();
        inputs.crates.push(Crate { id: "dep-1".into(), is_std: false, stable_id: None });
        for (object, source, of) in [
            ("dep-1.dep.f19b1e2d3c4b5a69-cgu.0.rcgu.o", Source::Crate(0), "dep"),
            ("app.v1.app.19b1e2d3c4b5a69-cgu.12.0abcdef.rcgu.o", Source::Own, "app"),
            ("app.1y0u8jb1y0u8jb1y0u8jb.2e7.rcgu.o", Source::Own, "app"),
            ("sum.o", Source::Carried(0), "dep"),
        ] {
            inputs.add_unit(object, source, of);
        }
        assert_eq!((inputs.crates[0].stable_id, inputs.own_stable_id), (Some(0xf19b_1e2d_3c4b_5a69), Some(0x019b_1e2d_3c4b_5a69)));
        for (unit, source) in [
            ("dep.f19b1e2d3c4b5a69-cgu.0", Some(Source::Crate(0))),
            ("app.19b1e2d3c4b5a69-cgu.12", Some(Source::Own)),
            ("1y0u8jb1y0u8jb1y0u8jb", Some(Source::Own)),
            ("sum.c", None),
        ] {
            assert_eq!(inputs.of_unit(unit), source, "{unit}");
        }
    }
}
