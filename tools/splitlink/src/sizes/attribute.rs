//! Whose each part of an artifact is.

use super::debug::{Unit, debug_name};
use super::elf::{Artifact, Span, What};
use super::file::{Debug, Item, Owner, OwnerKind, Section, SectionKind};
use super::inputs::{Inputs, Source};
use super::names::RustName;
use super::v0::CrateRoot;
use crate::formats::report;
use std::collections::{BTreeMap, HashMap};

/// Code that compiler and C library bring to every program (`crt1.o`, `crti.o`, `crtbegin.o` and
/// their kin), by its symbols.
const STARTUP: &[&str] = &[
    "_start",
    "_start_c",
    "_dl_start",
    "_init",
    "_fini",
    "_dl_relocate_static_pie",
    "__libc_csu_init",
    "__libc_csu_fini",
    "deregister_tm_clones",
    "register_tm_clones",
    "__do_global_dtors_aux",
    "frame_dummy",
    "call_weak_fn",
    "call_gmon_start",
    "__do_global_ctors_aux",
    "_IO_stdin_used",
    "__dso_handle",
    "completed.0",
    "__abi_tag",
    "__data_start",
    "data_start",
    "__TMC_END__",
    "__FRAME_END__",
    "__frame_dummy_init_array_entry",
    "__do_global_dtors_aux_fini_array_entry",
];

/// The same by its source file.
const STARTUP_FILE: &str = "crtstuff.c";

/// What libraries that the linker finds by itself are called together.
const SYSTEM: &str = "system libraries";

/// Who owns a part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Own,
    Crate(usize),
    /// Code of other languages in the rlib of a crate.
    Carried(usize),
    Library(usize),
    /// A crate that is not of the link, or that cannot be told from others of its name.
    Unknown(CrateRoot),
    System,
    Linker,
}

/// The artifact, what it was linked from, and its debug information.
pub(super) struct Attribution<'a> {
    pub(super) artifact: &'a Artifact<'a>,
    pub(super) inputs: &'a Inputs,
    pub(super) units: &'a [Unit],
    pub(super) crate_name: &'a str,
    /// The version of the linked crate, if that is known.
    pub(super) crate_version: Option<&'a str>,
    /// The artifact's part of the link report.
    pub(super) report: Option<&'a report::Artifact>,
}

/// What is said of the artifact.
pub(super) struct Attributed {
    pub(super) sections: Vec<Section>,
    pub(super) owners: Vec<Owner>,
    pub(super) items: Vec<Item>,
    pub(super) debug: Vec<Debug>,
}

/// Codegen units' code, in order: where it begins and ends, and whose it is.
type Ranges = Vec<(u64, u64, Source)>;

impl Attribution<'_> {
    /// Gives each part its owner.
    pub(super) fn attribute(&self) -> Attributed {
        let spans = self.artifact.spans(|symbol| self.inputs.defines(symbol.number));
        let ranges = self.ranges();
        let mut attributed = vec![0; self.artifact.sections.len()];
        let mut made: Vec<(Who, Option<Who>, Item)> = Vec::new();
        // What has no symbols, by section.
        let mut unnamed: BTreeMap<(usize, &str), u64> = BTreeMap::new();
        let mut by_symbol = HashMap::new();
        for span in &spans {
            let number = match span.what {
                What::Symbol(number) => number,
                What::Padding => {
                    *unnamed.entry((span.section, "padding")).or_default() += span.bytes;
                    continue;
                }
                What::Table => {
                    *unnamed.entry((span.section, "table")).or_default() += span.bytes;
                    continue;
                }
            };
            let Some((who, by, path)) = self.symbol(span, number, &ranges) else { continue };
            attributed[span.section] += span.bytes;
            by_symbol.insert(number, who.clone());
            let symbol = self.artifact.symbols[number].name.to_owned();
            let kind = self.artifact.sections[span.section].kind;
            made.push((who, by, Item { owner: 0, instantiated_by: None, path, symbol, kind, bytes: span.bytes }));
        }
        for ((section, what), bytes) in unnamed {
            attributed[section] += bytes;
            let path = vec![self.artifact.sections[section].name.clone(), what.to_owned()];
            let kind = self.artifact.sections[section].kind;
            made.push((Who::Linker, None, Item { owner: 0, instantiated_by: None, path, symbol: String::new(), kind, bytes }));
        }
        let debug = self.debug(&spans, &by_symbol, &mut attributed);
        let owners = Owners::of(
            self,
            made.iter().flat_map(|(who, by, _)| [Some(who), by.as_ref()]).chain(debug.iter().map(|(who, _)| who.as_ref())),
        );
        let mut items: Vec<Item> = made
            .into_iter()
            .map(|(who, by, item)| Item { owner: owners.number(&who), instantiated_by: by.map(|by| owners.number(&by)), ..item })
            .collect();
        items.sort_by(|one, other| {
            (one.owner, &one.path, &one.symbol, one.bytes).cmp(&(other.owner, &other.path, &other.symbol, other.bytes))
        });
        let mut debug: Vec<Debug> =
            debug.into_iter().map(|(who, bytes)| Debug { owner: who.map(|who| owners.number(&who)), bytes }).collect();
        debug.sort_by_key(|debug| debug.owner.map_or((1, 0), |owner| (0, owner)));
        let sections = self.artifact.sections.iter().zip(attributed);
        let sections = sections.map(|(section, attributed)| Section {
            name: section.name.clone(),
            kind: section.kind,
            bytes: section.bytes,
            attributed,
        });
        Attributed { sections: sections.collect(), owners: owners.owners, items, debug }
    }

    /// The code of the codegen units, in order.
    fn ranges(&self) -> Ranges {
        let of_unit = |unit: &Unit| {
            let source = self.inputs.of_unit(&unit.name);
            let ranges: Vec<_> = unit.ranges.iter().filter_map(|&(start, end)| Some((start, end, source?))).collect();
            ranges
        };
        let mut ranges: Ranges = self.units.iter().flat_map(of_unit).collect();
        ranges.sort_by_key(|(start, end, _)| (*start, *end));
        ranges
    }

    /// Where the code of a symbol came from.
    fn source(&self, span: &Span, number: usize, ranges: &Ranges, rust: Option<&RustName>) -> Option<Source> {
        let symbol = &self.artifact.symbols[number];
        let of_range = || {
            let address = self.artifact.address(span);
            let after = ranges.partition_point(|(start, ..)| *start <= address);
            let (_, end, source) = ranges.get(after.checked_sub(1)?)?;
            (address < *end).then_some(*source)
        };
        let of_file = || {
            let file = symbol.file?;
            self.inputs.of_unit(file)
        };
        let instantiated = || match self.resolve(rust?.instantiated_by.as_ref()?, None) {
            Who::Own => Some(Source::Own),
            Who::Crate(number) => Some(Source::Crate(number)),
            _ => None,
        };
        let of_symbol = || self.inputs.of_symbol(symbol.number).or_else(|| self.inputs.of_symbol(symbol.before_lto?));
        let of_local = || self.inputs.of_local_symbol(symbol.number);
        if symbol.file.is_some() {
            of_file().or_else(of_local).or_else(instantiated).or_else(of_range).or_else(of_symbol)
        } else {
            of_symbol().or_else(instantiated).or_else(of_range).or_else(of_local)
        }
    }

    /// Who owns a symbol, who instantiated it if that is another, and what it is called; None for
    /// what nobody is known to own.
    fn symbol(&self, span: &Span, number: usize, ranges: &Ranges) -> Option<(Who, Option<Who>, Vec<String>)> {
        let symbol = &self.artifact.symbols[number];
        let rust = RustName::of(symbol.name);
        let source = self.source(span, number, ranges, rust.as_ref());
        if let Some(RustName { crates, path, .. }) = rust
            && !crates.is_empty()
        {
            let who = self.crate_of(&crates, source);
            let by = source.map(|source| self.of_source(source)).filter(|by| *by != who);
            return Some((who, by, path));
        }
        let path = vec![symbol.name.to_owned()];
        if let Some(source) = source {
            return Some((self.of_source(source), None, path));
        }
        if STARTUP.contains(&symbol.name) || symbol.file == Some(STARTUP_FILE) {
            return Some((Who::Linker, None, path));
        }
        // What LLVM makes for a function: tables of its `match`es.
        if let Some(rust) = symbol.name.strip_prefix("switch.table.").and_then(RustName::of) {
            return Some((self.crate_of(&rust.crates, None), None, [rust.path, vec!["switch.table".to_owned()]].concat()));
        }
        // Constants of Rust code, which no others have names like.
        let is_nameless = ["anon.", "vtable.", "alloc_", "str.", "switch.", ".L"].iter().any(|start| symbol.name.starts_with(start));
        let is_text = self.artifact.sections[span.section].kind == SectionKind::Text;
        (is_text || !is_nameless).then_some((Who::System, None, path))
    }

    fn of_source(&self, source: Source) -> Who {
        match source {
            Source::Own => Who::Own,
            Source::Crate(number) => Who::Crate(number),
            Source::Carried(number) if self.inputs.crates[number].is_std => Who::Crate(number),
            Source::Carried(number) => Who::Carried(number),
            Source::Library(number) => Who::Library(number),
        }
    }

    /// Which of `crates` a symbol of that `source` is of.
    fn crate_of(&self, crates: &[CrateRoot], source: Option<Source>) -> Who {
        let all: Vec<Who> = crates.iter().map(|root| self.resolve(root, source)).collect();
        let of_source = match source {
            Some(Source::Own) => Some(Who::Own),
            Some(Source::Crate(number)) => Some(Who::Crate(number)),
            _ => None,
        };
        let is_std = |who: &&Who| matches!(who, Who::Crate(number) if self.inputs.crates[*number].is_std);
        // Where the code was made, or else whoever can know both: the standard library knows none.
        let found = all.iter().find(|who| Some(*who) == of_source.as_ref()).or_else(|| all.iter().find(|who| !is_std(who)));
        found.or(all.first()).cloned().unwrap_or(Who::System)
    }

    /// The crate that a symbol of that `source` calls `root`.
    fn resolve(&self, root: &CrateRoot, source: Option<Source>) -> Who {
        let CrateRoot { name, id } = root;
        // Allocator and panic handler: `rustc_span::symbol::sym::__rustc`, 1.95. They are std's, or
        // come with the linked crate.
        if name == "__rustc" {
            return match source {
                Some(Source::Crate(number)) => Who::Crate(number),
                _ => Who::Own,
            };
        }
        let is_it = |stable_id: Option<u64>| match (id, stable_id) {
            (Some(id), Some(stable_id)) => *id == stable_id,
            _ => true,
        };
        let mut all = Vec::new();
        if name == self.crate_name && is_it(self.inputs.own_stable_id) {
            all.push(Who::Own);
        }
        for &number in self.inputs.called(name) {
            if is_it(self.inputs.crates[number].stable_id) {
                all.push(Who::Crate(number));
            }
        }
        match (all.as_slice(), source) {
            ([only], _) => only.clone(),
            (all, Some(Source::Own)) if all.contains(&Who::Own) => Who::Own,
            (all, Some(Source::Crate(number))) if all.contains(&Who::Crate(number)) => Who::Crate(number),
            // The only one that a symbol of the new mangling can be, if the other is known.
            _ => Who::Unknown(root.clone()),
        }
    }

    /// How much debug information each has; None: what several share.
    fn debug(&self, spans: &[Span], by_symbol: &HashMap<usize, Who>, attributed: &mut [u64]) -> Vec<(Option<Who>, u64)> {
        let mut debug: Vec<(Option<Who>, u64)> = Vec::new();
        let mut places: HashMap<Option<Who>, usize> = HashMap::new();
        let mut add = |who: Option<Who>, bytes: u64| {
            let place = *places.entry(who.clone()).or_insert_with(|| {
                debug.push((who, 0));
                debug.len() - 1
            });
            debug[place].1 += bytes;
        };
        for unit in self.units {
            let Some(who) = self.unit(unit, spans, by_symbol) else { continue };
            for (number, section) in self.artifact.sections.iter().enumerate() {
                let bytes = debug_name(&section.name)
                    .and_then(|name| unit.bytes.get(&*name))
                    .copied()
                    .unwrap_or_default()
                    .min(section.bytes - attributed[number]);
                if bytes > 0 {
                    attributed[number] += bytes;
                    add(Some(who.clone()), bytes);
                }
            }
        }
        let sections = self.artifact.sections.iter().zip(attributed.iter());
        let shared = sections.filter(|(section, _)| section.kind == SectionKind::Debug).map(|(section, known)| section.bytes - known).sum();
        if shared > 0 {
            add(None, shared);
        }
        debug
    }

    fn unit(&self, unit: &Unit, spans: &[Span], by_symbol: &HashMap<usize, Who>) -> Option<Who> {
        if let Some(source) = self.inputs.of_unit(&unit.name) {
            return Some(self.of_source(source));
        }
        if let Some((name, hash)) = unit.name.rsplit_once("-cgu.").and_then(|(before, _)| before.rsplit_once('.')) {
            let id = u64::from_str_radix(hash, 16).ok();
            return Some(self.resolve(&CrateRoot { name: name.to_owned(), id }, None));
        }
        let at_first = unit.ranges.iter().find_map(|(start, _)| self.artifact.symbol_at(spans, *start));
        by_symbol.get(&at_first?).cloned()
    }
}

/// All owners in order, and which number each has.
struct Owners {
    owners: Vec<Owner>,
    numbers: HashMap<Who, usize>,
}

impl Owners {
    fn of<'w>(attribution: &Attribution<'_>, all: impl Iterator<Item = Option<&'w Who>>) -> Self {
        let mut owners: Vec<(Owner, Vec<Who>)> = Vec::new();
        let mut seen = HashMap::new();
        for who in all.flatten() {
            if seen.insert(who.clone(), ()).is_none() {
                let owner = attribution.owner(who);
                match owners.iter_mut().find(|(known, _)| *known == owner) {
                    Some((_, whos)) => whos.push(who.clone()),
                    None => owners.push((owner, vec![who.clone()])),
                }
            }
        }
        owners.sort_by(|(one, _), (other, _)| (one.kind, one).cmp(&(other.kind, other)));
        let numbers = owners.iter().enumerate().flat_map(|(number, (_, whos))| whos.iter().map(move |who| (who.clone(), number))).collect();
        Self { owners: owners.into_iter().map(|(owner, _)| owner).collect(), numbers }
    }

    fn number(&self, who: &Who) -> usize {
        self.numbers[who]
    }
}

impl Attribution<'_> {
    fn owner(&self, who: &Who) -> Owner {
        let named = |name: &str, kind| Owner { name: name.to_owned(), id: None, label: None, version: None, kind };
        match who {
            Who::Own => Owner { version: self.crate_version.map(str::to_owned), ..named(self.crate_name, OwnerKind::Crate) },
            Who::Crate(number) | Who::Carried(number) => {
                let found = &self.inputs.crates[*number];
                let kind = match who {
                    Who::Carried(_) => OwnerKind::Native,
                    _ if found.is_std => OwnerKind::Std,
                    _ => OwnerKind::Crate,
                };
                let told = self.report.and_then(|artifact| artifact.crates.iter().find(|told| told.id == found.id));
                Owner {
                    id: Some(found.id.clone()),
                    label: told.and_then(|told| told.label.clone()),
                    version: told.and_then(|told| told.version.clone()),
                    ..named(found.name(), kind)
                }
            }
            Who::Library(number) => named(&self.inputs.libraries[*number], OwnerKind::Native),
            Who::Unknown(root) => named(&root.name, OwnerKind::Crate),
            Who::System => named(SYSTEM, OwnerKind::Native),
            Who::Linker => named("linker", OwnerKind::Linker),
        }
    }
}
