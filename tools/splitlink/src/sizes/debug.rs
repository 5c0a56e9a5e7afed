//! How much of the debug information is of which unit, and which code units are of.

use super::elf::Artifact;
use super::file::SectionKind;
use anyhow::{Context, Result};
use gimli::{Dwarf, EndianSlice, RunTimeEndian, SectionId};
use object::{Object, ObjectSection};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// A unit of debug information: a codegen unit, or a source file of another language.
#[derive(Debug, Default, Clone)]
pub(super) struct Unit {
    /// Its name, as symbol tables have it, too.
    pub(super) name: String,
    /// Where its code is.
    pub(super) ranges: Vec<(u64, u64)>,
    /// How many bytes are its own, by section.
    pub(super) bytes: BTreeMap<String, u64>,
}

/// The sections of debug information, by their names in DWARF.
type Loaded<'a> = HashMap<String, Cow<'a, [u8]>>;

/// What DWARF calls the section `name`; GNU's compressed ones have names of their own.
pub(super) fn debug_name(name: &str) -> Option<Cow<'_, str>> {
    match name.strip_prefix(".zdebug_") {
        Some(rest) => Some(format!(".debug_{rest}").into()),
        None => name.starts_with(".debug_").then_some(name.into()),
    }
}

type Reader<'a> = EndianSlice<'a, RunTimeEndian>;

/// The units of `artifact`.
///
/// # Errors
/// If its debug information is broken, or compressed in a way that is not known.
pub(super) fn units(artifact: &Artifact<'_>) -> Result<Vec<Unit>> {
    let object = &artifact.object;
    let endian = if object.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let mut loaded: Loaded<'_> = HashMap::new();
    for section in object.sections() {
        let Some(name) = section.name().ok().and_then(debug_name) else { continue };
        let data = section.uncompressed_data().with_context(|| {
            format!(
                "the section `{name}` cannot be read: it is broken, or compressed otherwise than with zlib or zstd\n  \
                 help: leave out `--compress-debug-sections`, and compress a copy"
            )
        })?;
        loaded.insert(name.into_owned(), data);
    }
    let slice = |id: SectionId| loaded.get(id.name()).map_or(&[][..], |data| data);
    let dwarf = Dwarf::load(|id| Ok::<_, gimli::Error>(EndianSlice::new(slice(id), endian)))?;
    let mut found = Found::default();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next().context("its list of units is broken")? {
        let unit = dwarf.unit(header).context("one of its units is broken")?;
        found.add(&dwarf, &unit).context("one of its units is broken")?;
    }
    found.add_tables(&loaded, endian);
    // In the file they are shorter, each by the same part.
    for section in &artifact.sections {
        let Some(name) = debug_name(&section.name) else { continue };
        let length = loaded.get(&*name).map_or(0, |data| data.len() as u64);
        if section.kind == SectionKind::Debug && length > section.bytes {
            for unit in &mut found.units {
                if let Some(bytes) = unit.bytes.get_mut(&*name) {
                    *bytes = u64::try_from(u128::from(*bytes) * u128::from(section.bytes) / u128::from(length)).unwrap_or_default();
                }
            }
        }
    }
    Ok(found.units)
}

/// Units, and where in the tables of other sections theirs are.
#[derive(Default)]
struct Found {
    units: Vec<Unit>,
    /// By where it begins, in `.debug_info`.
    by_offset: HashMap<u64, usize>,
    /// By section, and where its part of that is.
    parts: BTreeMap<&'static str, BTreeMap<u64, usize>>,
}

impl Found {
    fn add(&mut self, dwarf: &Dwarf<Reader<'_>>, unit: &gimli::Unit<Reader<'_>>) -> gimli::Result<()> {
        let number = self.units.len();
        let text = |value: Option<Reader<'_>>| value.map(|text| text.to_string_lossy().into_owned());
        let mut name = text(unit.name).unwrap_or_default();
        if let (true, Some(dwo)) = (name.is_empty(), unit.dwo_name()?) {
            // `<output>.<crate>.<hash>-cgu.<number>.rcgu.dwo`
            let dwo = dwarf.attr_string(unit, dwo)?.to_string_lossy().into_owned();
            name = dwo.strip_suffix(".rcgu.dwo").map_or(dwo.clone(), |stem| of_object(stem).to_owned());
        }
        let name = name.rsplit_once("/@/").map_or(name.as_str(), |(_, unit)| unit).to_owned();
        let mut ranges = Vec::new();
        let mut all = dwarf.unit_ranges(unit)?;
        while let Some(range) = all.next()? {
            // What is not linked is at 0.
            if range.begin != 0 && range.end > range.begin {
                ranges.push((range.begin, range.end));
            }
        }
        let mut found = Unit { name, ranges, ..Unit::default() };
        let length = unit.header.length_including_self() as u64;
        *found.bytes.entry(SectionId::DebugInfo.name().to_owned()).or_default() += length;
        if let Some(offset) = unit.header.debug_info_offset() {
            self.by_offset.insert(offset.0 as u64, number);
        }
        let mut part = |id: SectionId, offset: usize| {
            self.parts.entry(id.name()).or_default().entry(offset as u64).or_insert(number);
        };
        part(SectionId::DebugAbbrev, unit.header.debug_abbrev_offset().0);
        if let Some(program) = &unit.line_program {
            part(SectionId::DebugLine, program.header().offset().0);
        }
        if unit.encoding().version >= 5 {
            part(SectionId::DebugStrOffsets, unit.str_offsets_base.0);
            part(SectionId::DebugAddr, unit.addr_base.0);
            part(SectionId::DebugLocLists, unit.loclists_base.0);
            part(SectionId::DebugRngLists, unit.rnglists_base.0);
        }
        self.units.push(found);
        Ok(())
    }

    /// Adds the parts of other sections that are one unit's alone.
    fn add_tables(&mut self, loaded: &Loaded<'_>, endian: RunTimeEndian) {
        let bytes_of = |id: SectionId| loaded.get(id.name()).map_or(&[][..], |data| data);
        for id in [
            SectionId::DebugAbbrev,
            SectionId::DebugLine,
            SectionId::DebugStrOffsets,
            SectionId::DebugAddr,
            SectionId::DebugLocLists,
            SectionId::DebugRngLists,
        ] {
            let bytes = bytes_of(id);
            let Some(parts) = self.parts.get(id.name()) else { continue };
            if id == SectionId::DebugAbbrev {
                // It has no headers: each table ends where the next begins.
                let ends = parts.keys().skip(1).copied().chain([bytes.len() as u64]);
                for ((start, &number), end) in parts.iter().zip(ends) {
                    *self.units[number].bytes.entry(id.name().to_owned()).or_default() += end.saturating_sub(*start);
                }
                continue;
            }
            for (start, end) in tables(bytes, endian) {
                // A unit names what is behind the header.
                if let Some((_, &number)) = parts.range(start..end.max(start + 1)).next() {
                    *self.units[number].bytes.entry(id.name().to_owned()).or_default() += end - start;
                }
            }
        }
        let aranges = bytes_of(SectionId::DebugAranges);
        for (start, end) in tables(aranges, endian) {
            let Some(number) = unit_of_aranges(aranges, start, endian).and_then(|offset| self.by_offset.get(&offset)) else { continue };
            *self.units[*number].bytes.entry(SectionId::DebugAranges.name().to_owned()).or_default() += end - start;
        }
    }
}

/// The part of an object's name that is its codegen unit's.
fn of_object(stem: &str) -> &str {
    let Some((before, _)) = stem.rsplit_once("-cgu.") else { return stem };
    before.rmatch_indices('.').nth(1).map_or(stem, |(at, _)| &stem[at + 1..])
}

fn number(bytes: &[u8], at: u64, length: usize, endian: RunTimeEndian) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let digits = bytes.get(at..at.checked_add(length)?)?;
    let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Some(if endian == RunTimeEndian::Big { digits.iter().fold(0, add) } else { digits.iter().rev().fold(0, add) })
}

/// The tables in a section each of which begins with its length; what follows a broken one is left
/// out.
fn tables(bytes: &[u8], endian: RunTimeEndian) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(length) = number(bytes, at, 4, endian) {
        let end = match length {
            0xffff_ffff => number(bytes, at + 4, 8, endian).and_then(|length| at.checked_add(12)?.checked_add(length)),
            _ => at.checked_add(4 + length),
        };
        let Some(end) = end.filter(|end| *end <= bytes.len() as u64) else { break };
        found.push((at, end));
        at = end;
    }
    found
}

/// Which unit a table of `.debug_aranges` is of, by its place in `.debug_info`.
fn unit_of_aranges(bytes: &[u8], start: u64, endian: RunTimeEndian) -> Option<u64> {
    // Behind the length and a version of two bytes.
    match number(bytes, start, 4, endian)? {
        0xffff_ffff => number(bytes, start + 14, 8, endian),
        _ => number(bytes, start + 6, 4, endian),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_tables() {
        let little = RunTimeEndian::Little;
        assert_eq!(tables(&[2, 0, 0, 0, 9, 9, 0, 0, 0, 0, 1, 0, 0, 0, 9], little), [(0, 6), (6, 10), (10, 15)]);
        assert_eq!(tables(&[0, 0, 0, 2, 9, 9], RunTimeEndian::Big), [(0, 6)]);
        assert_eq!(tables(&[0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 9], little), [(0, 13)]);
        // Cut short.
        assert_eq!(tables(&[9, 0, 0, 0, 1], little), []);
        assert_eq!(tables(&[0xff, 0xff, 0xff, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 9], little), []);
    }

    #[test]
    fn names_of_units() {
        assert_eq!(of_object("dep-1.dep.f19b-cgu.0"), "dep.f19b-cgu.0");
        assert_eq!(of_object("app.v1.2.app.f19b-cgu.12"), "app.f19b-cgu.12");
        assert_eq!(of_object("sum"), "sum");
    }
}
