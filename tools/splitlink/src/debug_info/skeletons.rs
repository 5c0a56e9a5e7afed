//! What a linked artifact says of debug information that is elsewhere: a skeleton unit for each
//! `.dwo` file.

use anyhow::{Context, Result};
use gimli::{Dwarf, DwarfSections, EndianSlice, RunTimeEndian, SectionId};
use object::{File, Object, ObjectSection};
use std::borrow::Cow;

/// A unit whose debug information is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skeleton {
    /// The name of the `.dwo` file, as the compiler wrote it down.
    pub(crate) name: String,
    /// What tells the unit from others, in the file as well.
    pub(crate) id: u64,
}

/// The skeletons in `object`, in order.
///
/// # Errors
/// If its debug information is broken.
pub(crate) fn skeletons(object: &File<'_>) -> Result<Vec<Skeleton>> {
    let mut found = Vec::new();
    units(object, SectionId::name, |dwarf, unit| {
        if let (Some(id), Some(name)) = (unit.dwo_id, unit.dwo_name()?) {
            let name = dwarf.attr_string(unit, name)?;
            found.push(Skeleton { name: name.to_string_lossy().into_owned(), id: id.0 });
        }
        Ok(())
    })?;
    Ok(found)
}

/// What tells the units in the `.dwo` file `object` from others.
///
/// # Errors
/// If it is broken.
pub(crate) fn ids(object: &File<'_>) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    units(
        object,
        |id| id.dwo_name().unwrap_or_default(),
        |_, unit| {
            found.extend(unit.dwo_id.map(|id| id.0));
            Ok(())
        },
    )?;
    Ok(found)
}

type Reader<'a> = EndianSlice<'a, RunTimeEndian>;

/// Has `look` look at each unit of `object`, whose sections are called what `section` says.
fn units(
    object: &File<'_>,
    section: impl Fn(SectionId) -> &'static str,
    mut look: impl FnMut(&Dwarf<Reader<'_>>, &gimli::Unit<Reader<'_>>) -> gimli::Result<()>,
) -> Result<()> {
    let endian = if object.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let sections = DwarfSections::load(|id| {
        let section = object.section_by_name(section(id));
        section.map_or(Ok(Cow::default()), |section| section.uncompressed_data()).context("it has a broken section")
    })?;
    let dwarf = sections.borrow(|bytes: &Cow<'_, [u8]>| EndianSlice::new(bytes, endian));
    let mut headers = dwarf.units();
    while let Some(header) = headers.next().context("its list of units is broken")? {
        let unit = dwarf.unit(header).context("one of its units is broken")?;
        look(&dwarf, &unit).context("one of its units is broken")?;
    }
    Ok(())
}
