//! WebAssembly objects: where their metadata is, what they define, and what they ask for.
//!
//! `object` 0.39 reads them, but gives a section's end for its size, and no symbols of an object.

use anyhow::{Error, Result, anyhow};
use std::ops::Range;
use wasmparser::{BinaryReaderError, KnownCustom, Linking, Parser, Payload, SymbolFlags, SymbolInfo};

/// How a WebAssembly module begins.
pub(crate) const MAGIC: &[u8; 4] = b"\0asm";

fn broken(error: BinaryReaderError) -> Error {
    anyhow!("it is no whole WebAssembly module: {error}\n  help: was the file truncated? make it anew")
}

/// Where in `object` the contents of its custom section `name` are; none if it has no such section.
///
/// # Errors
/// If it is no whole module.
pub(crate) fn custom_section(object: &[u8], name: &str) -> Result<Option<Range<u64>>> {
    for payload in Parser::new(0).parse_all(object) {
        if let Payload::CustomSection(section) = payload.map_err(broken)?
            && section.name() == name
        {
            let start = section.data_offset();
            return Ok(Some(start..start + section.data().len() as u64));
        }
    }
    Ok(None)
}

/// An object with nothing but `contents` in the custom section `name`.
pub(crate) fn object_with(name: &str, contents: &[u8]) -> Vec<u8> {
    // A module's version; and, in `linking`, that of what linkers must know (tool-conventions,
    // Linking.md), without which it would be no object.
    let mut object = [MAGIC.as_slice(), &1_u32.to_le_bytes()].concat();
    for (name, contents) in [("linking", [2].as_slice()), (name, contents)] {
        let named = [length(name.len()), name.as_bytes().to_vec(), contents.to_vec()].concat();
        object.push(0);
        object.extend(length(named.len()));
        object.extend(named);
    }
    object
}

/// A length in LEB128.
fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

/// Whether the module `bytes` is an object, for a linker: only these have symbols.
///
/// # Errors
/// If it is no whole module.
pub(crate) fn is_object(bytes: &[u8]) -> Result<bool> {
    Ok(custom_section(bytes, "linking")?.is_some())
}

/// Whether the object `bytes` has anything that a program would take: code, data, or what is in a
/// custom section of the source's own.
///
/// # Errors
/// If it is no whole module.
pub(crate) fn has_contents(bytes: &[u8]) -> Result<bool> {
    const OF_LINKERS: [&str; 4] = ["linking", "producers", "target_features", "name"];
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::CodeSectionStart { .. } | Payload::DataSection(_) => return Ok(true),
            Payload::CustomSection(section) if !OF_LINKERS.contains(&section.name()) => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

/// The names of the symbols that `object` defines for others, as LLVM lists them in an archive's
/// index (`WasmObjectFile`, 22): those that are neither undefined nor local.
///
/// # Errors
/// If it is no whole object.
pub(crate) fn defined_symbols(object: &[u8]) -> Result<Vec<&str>> {
    let symbols = symbols(object)?.into_iter();
    Ok(symbols.filter(|(_, flags)| !flags.intersects(SymbolFlags::UNDEFINED | SymbolFlags::BINDING_LOCAL)).map(|(name, _)| name).collect())
}

/// The names of the symbols that `object` refers to and does not define. An import has its symbol's
/// name, unless the symbol says another: then both are among them.
///
/// # Errors
/// If it is no whole object.
pub(crate) fn undefined_symbols(object: &[u8]) -> Result<Vec<&str>> {
    let undefined = symbols(object)?.into_iter().filter(|(_, flags)| flags.contains(SymbolFlags::UNDEFINED));
    let mut names: Vec<_> = undefined.map(|(name, _)| name).collect();
    for payload in Parser::new(0).parse_all(object) {
        let Payload::ImportSection(imports) = payload.map_err(broken)? else { continue };
        for import in imports.into_imports() {
            names.push(import.map_err(broken)?.name);
        }
    }
    Ok(names)
}

/// The symbols of `object` that its list of symbols names, and what is said of them.
fn symbols(object: &[u8]) -> Result<Vec<(&str, SymbolFlags)>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(object) {
        let Payload::CustomSection(section) = payload.map_err(broken)? else { continue };
        let KnownCustom::Linking(linking) = section.as_known() else { continue };
        for part in linking.subsections() {
            let Linking::SymbolTable(symbols) = part.map_err(broken)? else { continue };
            for symbol in symbols {
                let (flags, name) = match symbol.map_err(broken)? {
                    SymbolInfo::Data { flags, name, .. } => (flags, Some(name)),
                    SymbolInfo::Func { flags, name, .. }
                    | SymbolInfo::Global { flags, name, .. }
                    | SymbolInfo::Event { flags, name, .. }
                    | SymbolInfo::Table { flags, name, .. } => (flags, name),
                    SymbolInfo::Section { .. } => continue,
                };
                names.extend(name.map(|name| (name, flags)));
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with a custom section of this name and these contents.
    fn module(name: &str, contents: &[u8]) -> Vec<u8> {
        let small = |len: usize| u8::try_from(len).ok().filter(|len| *len < 128).unwrap();
        let payload = [&[small(name.len())], name.as_bytes(), contents].concat();
        [MAGIC, &[1, 0, 0, 0, 0, small(payload.len())][..], &payload].concat()
    }

    #[test]
    fn sections_by_name() {
        let bytes = module(".rmeta", b"rust");
        assert_eq!(custom_section(&bytes, ".rmeta").unwrap().map(|range| range.end), Some(bytes.len() as u64));
        assert_eq!(custom_section(&bytes, ".rmeta").unwrap().map(|range| range.end - range.start), Some(4));
        assert_eq!(custom_section(&bytes, "other").unwrap(), None);
        assert!(custom_section(&bytes[..bytes.len() - 1], "other").unwrap_err().to_string().contains("no whole"));
    }

    #[test]
    fn an_object_with_a_section() {
        // Lengths of one byte and of two.
        for contents in [vec![7; 3], vec![7; 300]] {
            let object = object_with(".dep-v0", &contents);
            let range = custom_section(&object, ".dep-v0").unwrap().unwrap();
            assert_eq!(object[range.start as usize..range.end as usize], contents);
            assert!(is_object(&object).unwrap());
        }
    }

    #[test]
    fn symbols_that_are_defined() {
        // Kind 1 is data: flags, name, and where it is if it is defined.
        let symbol = |flags: u8, name: &str| {
            let place: &[u8] = if flags & 0x10 == 0 { &[0, 0, 1] } else { &[] };
            [&[1, flags, u8::try_from(name.len()).unwrap()], name.as_bytes(), place].concat()
        };
        let table = [vec![4], symbol(0, "here"), symbol(0x10, "elsewhere"), symbol(2, "local"), symbol(1, "weak")].concat();
        let contents = [&[2, 8, u8::try_from(table.len()).unwrap()], &table[..]].concat();
        let object = module("linking", &contents);
        assert_eq!(defined_symbols(&object).unwrap(), ["here", "weak"]);
        assert_eq!(undefined_symbols(&object).unwrap(), ["elsewhere"]);
        // An import section (2) of one function (0) of the type 0.
        let import = [&[2, 12, 1, 3][..], b"env", &[4], b"from", &[0, 0]].concat();
        let importing = [&object[..8], &import, &object[8..]].concat();
        assert_eq!(undefined_symbols(&importing).unwrap(), ["elsewhere", "from"]);
        assert!(is_object(&object).unwrap() && !is_object(&module("mine", b"")).unwrap());
        for broken in [defined_symbols(b"\0asm"), undefined_symbols(b"\0asm")] {
            assert!(broken.unwrap_err().to_string().contains("no whole"));
        }
    }
}
