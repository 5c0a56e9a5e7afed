//! A staticlib, which no linker makes: the archive of all that it takes in.

use super::line::{Line, Part};
use super::linking::Linking;
use crate::files::archive::{Archive, Builder};
use crate::files::rlib;
use crate::formats::offered::Offered;
use crate::plan::{FILE, Item, Link};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// Adds to the line of a staticlib the native libraries that its crates carry and that the line
/// names for another crate only. rustc, which made the line, takes two libraries of one name for
/// one and leaves out the second. What it names for no crate, its `cfg` leaves out.
///
/// # Errors
/// If an rlib cannot be read.
pub(crate) fn add_bundled(link: &mut Link, offered: &Offered) -> Result<()> {
    let named: BTreeSet<(String, String)> = link
        .line
        .iter()
        .filter_map(|item| if let Item::BundledLibrary { id, member, .. } = item { Some((id.clone(), member.clone())) } else { None })
        .collect();
    let mut line: Vec<Item> = Vec::with_capacity(link.line.len());
    let mut items = std::mem::take(&mut link.line).into_iter().peekable();
    while let Some(item) = items.next() {
        let carrier = match &item {
            Item::Crate { id } => offered.rlib(id).map(|rlib| (id.clone(), rlib)),
            _ => None,
        };
        line.push(item);
        let Some((id, rlib)) = carrier else { continue };
        while let Some(Item::BundledLibrary { .. }) = items.peek() {
            line.extend(items.next());
        }
        for member in rlib::bundled_libraries(rlib)? {
            let of_another = named.iter().any(|(carrier, name)| *name == member && *carrier != id);
            if of_another && !named.contains(&(id.clone(), member.clone())) {
                line.push(Item::BundledLibrary { id: id.clone(), member, arg: FILE.to_owned() });
            }
        }
    }
    link.line = line;
    Ok(())
}

impl Linking<'_> {
    /// Puts the staticlib `line` together as rustc does
    /// (`rustc_codegen_ssa::back::link::link_staticlib`, 1.95): the crate's own objects, its native
    /// libraries, then every crate's objects without its metadata.
    pub(crate) fn archive(&self, line: &Line<'_>, artifact: &Path) -> Result<()> {
        let mut builder = Builder::default();
        for part in &line.parts {
            match part {
                Part::Objects(objects) => {
                    for (number, object) in objects.iter().enumerate() {
                        builder.add_file(&format!("{}.lto.{number}.o", self.plan.crate_name), object)?;
                    }
                }
                Part::File(Item::Module { file: name } | Item::AllocatorShim { file: name }, file) => {
                    let name = name.rsplit_once('/').map_or(name.as_str(), |(_, name)| name);
                    builder.add_file(name, file)?;
                }
                Part::File(item, file) | Part::Left(item, file) => match item {
                    Item::ArchivedLibrary { .. } | Item::BundledLibrary { .. } => builder.add_archive(&Archive::read(file)?, |_| true),
                    Item::Crate { id } => {
                        builder.add_archive(&Archive::read(file)?, |name| !rlib::is_metadata(name) && !self.is_bundled(id, name));
                    }
                    Item::SysrootCrate { .. } => builder.add_archive(&Archive::read(file)?, |name| !rlib::is_metadata(name)),
                    Item::ExportedSymbols { .. } => {}
                    other => bail!("the plan has an item that does not belong into an archive: {other:?}"),
                },
                Part::SearchPath(_) => {}
                other => bail!("the plan has an item that does not belong into an archive: {other:?}"),
            }
        }
        builder.write(artifact)
    }

    /// Whether the member `name` of the crate `id` is a native library, which is put into the
    /// archive unpacked.
    fn is_bundled(&self, id: &str, name: &str) -> bool {
        let found = |item: &Item| matches!(item, Item::BundledLibrary { id: of, member, .. } if of == id && member == name);
        self.link.line.iter().any(found)
    }
}
