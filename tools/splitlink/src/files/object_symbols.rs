//! Objects of any format that is linked here: what is one, and which symbols it defines for others.

use crate::files::{coff, mach_o, wasm};
use anyhow::Result;
use object::elf::ELFMAG;
use object::{Object, ObjectSymbol, SymbolKind};

/// Whether `bytes` begin as an object of a format that is linked here.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    bytes.starts_with(&ELFMAG) || bytes.starts_with(wasm::MAGIC) || bytes.starts_with(coff::MAGIC) || bytes.starts_with(mach_o::MAGIC)
}

/// The names of the symbols that `object` defines for others, thread-local data included; none if it
/// is no object of a format that is linked here.
///
/// # Errors
/// If it is no whole object.
pub(crate) fn defined(object: &[u8]) -> Result<Option<Vec<&[u8]>>> {
    if object.starts_with(wasm::MAGIC) {
        return Ok(Some(wasm::defined_symbols(object)?.into_iter().map(str::as_bytes).collect()));
    }
    if object.starts_with(mach_o::MAGIC) {
        return Ok(Some(mach_o::defined_symbols(object)?));
    }
    if !is_object(object) {
        return Ok(None);
    }
    let mut names = Vec::new();
    for symbol in object::File::parse(object)?.symbols() {
        let is_named = !matches!(symbol.kind(), SymbolKind::File | SymbolKind::Section);
        // Not `is_definition`, which leaves out thread-local data.
        if is_named && symbol.is_global() && !symbol.is_undefined() {
            names.push(symbol.name_bytes()?);
        }
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{Object as Written, StandardSection, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolScope};

    #[test]
    fn of_each_format() {
        for (format, prefix) in [(BinaryFormat::Elf, ""), (BinaryFormat::Coff, ""), (BinaryFormat::MachO, "_")] {
            let mut written = Written::new(format, Architecture::X86_64, Endianness::Little);
            let text = SymbolSection::Section(written.section_id(StandardSection::Text));
            let thread_local = SymbolSection::Section(written.section_id(StandardSection::Tls));
            for (name, section, kind, scope) in [
                ("here", text, SymbolKind::Text, SymbolScope::Dynamic),
                ("of_a_thread", thread_local, SymbolKind::Tls, SymbolScope::Dynamic),
                ("elsewhere", SymbolSection::Undefined, SymbolKind::Unknown, SymbolScope::Unknown),
                ("local", text, SymbolKind::Text, SymbolScope::Compilation),
            ] {
                let symbol = Symbol { name: name.into(), value: 0, size: 0, kind, scope, weak: false, section, flags: SymbolFlags::None };
                written.add_symbol(symbol);
            }
            let bytes = written.write().unwrap();
            let mut names: Vec<_> = defined(&bytes).unwrap().unwrap().into_iter().map(|name| String::from_utf8_lossy(name)).collect();
            names.retain(|name| !name.contains("$tlv"));
            assert_eq!(names, ["here", "of_a_thread"].map(|name| format!("{prefix}{name}")), "{format:?}");
            assert!(defined(&bytes[..bytes.len() / 2]).is_err(), "half of {format:?}");
        }
        assert!(defined(b"no object").unwrap().is_none());
    }
}
