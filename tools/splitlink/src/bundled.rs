//! Native libraries that an rlib carries inside whole (`-lstatic:+whole-archive`). When rustc makes a staticlib it unpacks
//! them from the rlibs, so a hollow rlib must have stand-ins for them, which also mark where their objects belong.

use crate::archive::Builder;
use anyhow::Result;

/// What ends a string in metadata (`rustc_serialize::opaque::STR_SENTINEL`, 1.95).
const END_OF_STRING: u8 = 0xc1;

/// The section that holds a carried library in its member (`rustc_codegen_ssa::back::metadata`, 1.95).
pub const SECTION: &str = ".bundled_lib";

/// The strings in `metadata` that are names of archives. Every library that the crate carries is among them, for that is
/// how its metadata names it; a stand-in too many does no harm.
pub fn names(metadata: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for (end, window) in metadata.windows(3).enumerate().filter(|(_, window)| *window == [b'.', b'a', END_OF_STRING]) {
        let end = end + window.len() - 1;
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte);
        let longest = metadata[..end].iter().rev().take(127).take_while(is_part).count();
        // Before the text stands its length; one that is itself a letter is not told from the text otherwise.
        let length = (3..=longest).find(|&length| end.checked_sub(length + 1).is_some_and(|at| usize::from(metadata[at]) == length));
        let name = length.and_then(|length| std::str::from_utf8(&metadata[end - length..end]).ok());
        if let Some(name) = name.filter(|&name| !names.iter().any(|n| n == name)) {
            names.push(name.to_owned());
        }
    }
    names
}

/// A member in the place of a carried library: an object file whose [`SECTION`] holds an archive with one empty member,
/// `marker`.
///
/// # Errors
/// If the archive cannot be made.
pub fn stand_in(marker: &str) -> Result<Vec<u8>> {
    let mut library = Builder::default();
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

/// Whether `contents` is a [`stand_in`], which rustc copies when it is one too many.
pub fn is_stand_in(contents: &[u8]) -> bool {
    use object::{Object, ObjectSection};
    let Ok(object) = object::File::parse(contents) else { return false };
    let library = object.section_by_name(SECTION).and_then(|section| section.data().ok());
    library.is_some_and(|library| library.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()))
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
        metadata.extend(b"\x05a.a.a\xc1 \x09libno.so\xc1 not.a\xc1 \x08libsum.a\xc1");
        assert_eq!(names(&metadata), ["libsum.a", "a.a.a"]);
        let long = format!("lib{}.a", "n".repeat(92));
        let text = [&[long.len() as u8], long.as_bytes(), &[END_OF_STRING]].concat();
        assert_eq!(names(&text), [long], "the length, 97, is the letter a");
        assert!(names(b".a\xc1").is_empty());
    }

    #[test]
    fn a_stand_in_is_an_object() {
        let bytes = stand_in("splitlink.3.libsum.a").unwrap();
        let object = object::File::parse(&*bytes).unwrap();
        let library = object.section_by_name(SECTION).unwrap().data().unwrap();
        assert!(library.starts_with(b"!<arch>\n"));
        assert!(is_stand_in(&bytes) && !is_stand_in(b"\x7fELF") && !is_stand_in(library));
    }
}
