//! Native libraries that an rlib carries inside whole (`-lstatic:+whole-archive`).
//!
//! rustc unpacks them from the rlibs when it makes a staticlib. So a hollow rlib must have
//! placeholders for them, which also mark where their objects belong.

use crate::files::archive::{Archive, Builder, Kind, can_be_named};
use crate::files::wasm;
use anyhow::Result;
use std::path::Path;

/// What ends a string in metadata (`rustc_serialize::serialize::STR_SENTINEL`, 1.95).
const END_OF_STRING: u8 = 0xc1;

/// The section that holds a carried library in its member
/// (`rustc_codegen_ssa::back::link::link_rlib`, 1.95).
pub const SECTION: &str = ".bundled_lib";

/// The strings in `metadata` that are names of carried libraries, and maybe more: a placeholder too
/// many does no harm. rustc names such a library's file behind the library itself
/// (`rustc_session::cstore::NativeLib`, 1.95). So what is found is every name that ends like an
/// archive's, and every name of a file right behind a name with the same end (`+verbatim`).
pub fn names(metadata: &[u8]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for (at, _) in metadata.windows(3).enumerate().filter(|(_, window)| *window == [b'.', b'a', END_OF_STRING]) {
        let end = at + 2;
        // Before the text stands its length. One that is itself a letter is not told from the text.
        let begins = end.saturating_sub(LONGEST_NAME)..at;
        names.extend(
            begins
                .filter_map(|start| string_at(metadata, start.checked_sub(1)?))
                .filter(|(_, after)| *after == end + 1)
                .map(|(name, _)| name),
        );
    }
    for at in 0..metadata.len() {
        if let Some((library, after)) = symbol_at(metadata, at)
            && metadata.get(after) == Some(&SOME)
            && let Some((file, _)) = symbol_at(metadata, after + 1)
            && library.strip_suffix(file).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
        {
            names.push(file);
        }
    }
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !name.contains('/') && can_be_named(name) && !found.iter().any(|other| other == name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// The longest name of a file that file systems know.
const LONGEST_NAME: usize = 255;

/// What stands before the value of an `Option` that has one.
const SOME: u8 = 1;

/// The string whose length is at `at`, if one may be there, and where it is over.
fn string_at(metadata: &[u8], at: usize) -> Option<(&str, usize)> {
    let (len, start) = number_at(metadata, at)?;
    let end = start.checked_add(len)?;
    if len == 0 || len > LONGEST_NAME || metadata.get(end) != Some(&END_OF_STRING) {
        return None;
    }
    let text = std::str::from_utf8(&metadata[start..end]).ok()?;
    (!text.contains(|c: char| c.is_ascii_control())).then_some((text, end + 1))
}

/// The symbol at `at`, if one may be there, and where it is over: the string itself, or the place of
/// an earlier one (`rustc_metadata::rmeta::encoder::EncodeContext::encode_symbol`, 1.95).
fn symbol_at(metadata: &[u8], at: usize) -> Option<(&str, usize)> {
    match metadata.get(at)? {
        0 => string_at(metadata, at + 1),
        1 => {
            let (place, after) = number_at(metadata, at + 1)?;
            string_at(metadata, place).map(|(text, _)| (text, after))
        }
        _ => None,
    }
}

/// The number at `at`, in LEB128, and where it is over.
fn number_at(metadata: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut number = 0;
    for (place, byte) in metadata.get(at..)?.iter().take(4).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, at + place + 1));
        }
    }
    None
}

/// A member in the place of a carried library: an object file whose [`SECTION`] holds an archive
/// of the given `kind` with one empty member, `marker`.
///
/// # Errors
/// If the archive cannot be made.
pub fn placeholder(marker: &str, kind: Kind) -> Result<Vec<u8>> {
    let mut library = Builder::of_kind(kind);
    library.add_bytes(marker, Vec::new());
    let library = library.to_bytes()?;
    let names = format!("\0{SECTION}\0.shstrtab\0");
    const HEADER: usize = 64;
    let (at_names, at_sections) = (HEADER + library.len(), (HEADER + library.len() + names.len()).next_multiple_of(8));

    let mut object = Vec::with_capacity(at_sections + 3 * 64);
    object.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    // A relocatable file for no machine: rustc looks at nothing but the section.
    for half in [1_u16, 0] {
        object.extend(half.to_le_bytes());
    }
    object.extend(1_u32.to_le_bytes());
    for word in [0, 0, at_sections as u64] {
        object.extend(word.to_le_bytes());
    }
    object.extend(0_u32.to_le_bytes());
    for half in [HEADER as u16, 0, 0, 64, 3, 2] {
        object.extend(half.to_le_bytes());
    }
    object.extend(&library);
    object.extend(names.as_bytes());
    object.resize(at_sections, 0);
    // Name, type, and then place and size of the null section, the library's and the one of names.
    let name_of_names = SECTION.len() as u32 + 2;
    for (name, kind, at, size) in [(0, 0, 0, 0), (1, 1, HEADER, library.len()), (name_of_names, 3, at_names, names.len())] {
        for word in [name, kind] {
            object.extend(u32::to_le_bytes(word));
        }
        for word in [0, 0, at as u64, size as u64, 0, 1, 0] {
            // `sh_link` and `sh_info` are the one word of zeros between size and alignment.
            object.extend(word.to_le_bytes());
        }
    }
    Ok(object)
}

/// The native library in `object`, a member of an rlib; none if it carries none.
///
/// # Errors
/// If it is no whole object.
pub fn library_in(object: &[u8]) -> Result<Option<&[u8]>> {
    use object::{Object, ObjectSection};
    if object.starts_with(wasm::MAGIC) {
        let Some(range) = wasm::custom_section(object, SECTION)? else { return Ok(None) };
        return Ok(object.get(usize::try_from(range.start)?..usize::try_from(range.end)?));
    }
    let parsed = object::File::parse(object)?;
    Ok(parsed.section_by_name(SECTION).map(|section| section.data()).transpose()?)
}

/// Whether `contents` is a [`placeholder`], which rustc copies when it is one too many.
pub fn is_placeholder(contents: &[u8]) -> bool {
    library_in(contents).ok().flatten().is_some_and(|library| library.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()))
}

/// Whether the file `path` is what rustc unpacks from a [`placeholder`].
pub fn is_unpacked_placeholder(path: &Path) -> bool {
    let archive = Archive::read(path);
    archive.is_ok_and(|archive| matches!(archive.members.as_slice(), [only] if only.name.starts_with(MARKER) && only.len == 0))
}

/// How every marker begins.
pub const MARKER: &str = "splitlink.";

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Object, ObjectSection};

    #[test]
    fn names_in_metadata() {
        let mut metadata = b"rust\0\0\0\x0a..\x08libsum.a\xc1...".to_vec();
        metadata.extend(b"\x05a.a.a\xc1 \x09libno.so\xc1 not.a\xc1 \x08libsum.a\xc1 \x0alibmy my.a\xc1");
        assert_eq!(names(&metadata), ["libsum.a", "a.a.a", "libmy my.a"]);
        for count in [92, 200] {
            let long = format!("lib{}.a", "n".repeat(count));
            let length = if count == 92 { vec![long.len() as u8] } else { vec![long.len() as u8, 1] };
            let text = [&length[..], long.as_bytes(), &[END_OF_STRING]].concat();
            assert!(names(&text).contains(&long), "one whose length, 97, is the letter a, and one of more than a byte");
        }
        assert!(names(b".a\xc1").is_empty());
    }

    #[test]
    fn names_of_any_end() {
        let table: [(&[u8], &[&str]); 6] = [
            // The name as a string, and as the file's name the place of that string.
            (b"\0\x05z.ext\xc1\x01\x01\x01\0", &["z.ext"]),
            // Both by the place of one before.
            (b"\x05z.ext\xc1...\x01\0\x01\x01\0\0", &["z.ext"]),
            // In a folder, so that the file's name is a string of its own.
            (b"\0\x07d/z.ext\xc1\x01\0\x05z.ext\xc1\0", &["z.ext"]),
            (b"\0\x01z\xc1\x01\0\x06libz.a\xc1\0", &["libz.a"]),
            // A string behind another that is no end of it, and none behind.
            (b"\0\x05z.ext\xc1\x01\0\x03ext\xc1\0", &[]),
            (b"\0\x05z.ext\xc1\0\0", &[]),
        ];
        for (metadata, expected) in table {
            assert_eq!(names(metadata), expected, "{}", metadata.escape_ascii());
        }
    }

    #[test]
    fn a_placeholder_is_an_object() {
        for kind in [Kind::Gnu, Kind::Bsd] {
            is_good(&placeholder("splitlink.3.libsum.a", kind).unwrap());
        }
    }

    fn is_good(bytes: &[u8]) {
        let object = object::File::parse(bytes).unwrap();
        let library = object.section_by_name(SECTION).unwrap().data().unwrap();
        assert!(library.starts_with(b"!<arch>\n"));
        assert!(is_placeholder(bytes) && !is_placeholder(b"\x7fELF") && !is_placeholder(library));
        let path = std::env::temp_dir().join(format!("splitlink-placeholder-{}", std::process::id()));
        for (contents, expected) in [(library, true), (bytes, false), (b"!<arch>\n", false)] {
            std::fs::write(&path, contents).unwrap();
            assert_eq!(is_unpacked_placeholder(&path), expected);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
