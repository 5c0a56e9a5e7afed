//! Where the metadata of a crate of the type `dylib` lists its dependency formats.
//!
//! link-only writes them there ([`crate::formats::metadata_formats`]).

use super::classify::Line;
use crate::files::scratch::{self, Scratch};
use crate::formats::metadata_formats::encoded;
use crate::plan::{Item, MetadataFormats};
use crate::rustc::crate_listing::{self, Dependency};
use anyhow::{Context, Result};
use object::{Object, ObjectSection};
use std::fs;

/// Behind every text in metadata (`rustc_serialize::serialize::STR_SENTINEL`, 1.95).
const END_OF_TEXT: u8 = 0xc1;

/// How the bytes of the section begin that are not the metadata's own.
const SECTION_HEADER: usize = 16;

/// Notes in the metadata object of a dylib's `line` where its formats are. Where they are not found
/// nothing is noted: a link that is static throughout needs no change.
///
/// # Errors
/// If the object cannot be read, or not be put before rustc.
pub fn note(line: &mut Line, program: &str, toolchain: Option<&str>, scratch: &Scratch) -> Result<()> {
    for item in &mut line.items {
        let Item::MetadataObject { file, formats } = item else { continue };
        let path = &line.files[file];
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let object = object::File::parse(&*bytes).with_context(|| format!("`{}` is no object file", path.display()))?;
        let Some(section) = object.section_by_name(".rustc") else { continue };
        let (Some((start, _)), Some(metadata)) = (section.file_range(), section.data()?.get(SECTION_HEADER..)) else { continue };
        let listed = scratch.subdir("listed")?.join("lib.rmeta");
        fs::write(&listed, metadata).with_context(|| scratch::cannot_write(&listed))?;
        let Ok(dependencies) = crate_listing::dependencies(program, toolchain, &listed) else { continue };
        if let Some(at) = find(metadata, &dependencies) {
            let crates = dependencies.into_iter().map(|dependency| dependency.id).collect();
            *formats = Some(MetadataFormats { offset: start + (SECTION_HEADER + at) as u64, crates });
        }
    }
    Ok(())
}

/// Where in `metadata` the formats of `dependencies` begin, if that is clear.
fn find(metadata: &[u8], dependencies: &[Dependency]) -> Option<usize> {
    let list = encoded(dependencies.iter().map(|dependency| dependency.is_static));
    let last = dependencies.last()?.id.as_bytes();
    // Before the list: the last crate's extra file name, its end, and whether the crate is private.
    let is_there = |at: usize| {
        let text = &metadata[..at - 2];
        metadata[at..].starts_with(&list)
            && metadata[at - 2] == END_OF_TEXT
            && metadata[at - 1] <= 1
            && (0..last.len().min(0x7f))
                .any(|len| text.ends_with(&last[last.len() - len..]) && text.iter().nth_back(len) == Some(&(len as u8)))
    };
    let mut found = (2..metadata.len()).filter(|&at| is_there(at));
    match (found.next(), found.next()) {
        (Some(at), None) => Some(at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Linkage;
    use crate::formats::metadata_formats::write;

    fn dependency(id: &str, is_static: Option<bool>) -> Dependency {
        Dependency { id: id.to_owned(), is_static }
    }

    /// Metadata in which the last crate's extra file name is `extra` and its formats are `list`.
    fn metadata(extra: &str, list: &[u8]) -> Vec<u8> {
        [b"before", &[extra.len() as u8][..], extra.as_bytes(), &[END_OF_TEXT, 1], list, &[0, 7, 9]].concat()
    }

    #[test]
    fn found_and_rewritten() {
        let dependencies = [dependency("a-1", Some(true)), dependency("macros-1", None), dependency("std-19", Some(true))];
        let list = [1, 1, 0, 1, 1];
        for (last, extra) in [("std-19", "-19"), ("std", "")] {
            let dependencies = [&dependencies[..2], &[dependency(last, Some(true))]].concat();
            let mut bytes = metadata(extra, &list);
            let at = find(&bytes, &dependencies).unwrap();
            assert_eq!(at, bytes.len() - 8);
            let formats = MetadataFormats { offset: at as u64, crates: dependencies.into_iter().map(|d| d.id).collect() };
            let linkage = [("a-1", Linkage::Static), (last, Linkage::Dynamic)].into();
            write(&mut bytes, &formats, &linkage).unwrap();
            assert_eq!(bytes, metadata(extra, &[1, 1, 0, 1, 0]));
            let inside = [("a-1", Linkage::Dynamic), (last, Linkage::IncludedFromDylib)].into();
            write(&mut bytes, &formats, &inside).unwrap();
            assert_eq!(bytes, metadata(extra, &[1, 0, 0, 0, 0]));
            let elsewhere = MetadataFormats { offset: bytes.len() as u64 - 2, ..formats };
            assert!(write(&mut bytes, &elsewhere, &linkage).unwrap_err().to_string().contains("does not fit"));
        }
        assert_eq!(find(&metadata("-20", &list), &dependencies), None);
        assert_eq!(find(&metadata("-19", &[1, 1, 1, 1]), &dependencies), None);
        assert_eq!(find(&[metadata("-19", &list), metadata("-19", &list)].concat(), &dependencies), None, "twice");
        assert_eq!(find(b"", &dependencies), None);
    }
}
