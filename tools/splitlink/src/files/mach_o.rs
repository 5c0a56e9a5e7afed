//! Mach-O objects: what they define.

use object::Endianness;
use object::macho::{self, MachHeader64};
use object::read::macho::{MachHeader, Nlist};

/// How a 64-bit Mach-O object begins.
pub(crate) const MAGIC: &[u8; 4] = b"\xcf\xfa\xed\xfe";

/// How a universal file begins, which holds an object or archive for each of several architectures.
pub(crate) const UNIVERSAL: [&[u8; 4]; 2] = [b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"];

/// The names of the symbols that `object` defines for others, as LLVM lists them in an archive's
/// index (`MachOObjectFile::getSymbolFlags`, 22). What C defines without a value is undefined with
/// a size in the place of the address.
///
/// # Errors
/// If it is no whole object, which `object::File` takes for one without symbols.
pub(crate) fn defined_symbols(object: &[u8]) -> object::Result<Vec<&[u8]>> {
    let header = MachHeader64::<Endianness>::parse(object, 0)?;
    let endian = header.endian()?;
    let mut names = Vec::new();
    let mut commands = header.load_commands(endian, object, 0)?;
    while let Some(command) = commands.next()? {
        let Some(table) = command.symtab()? else { continue };
        let symbols = table.symbols::<MachHeader64<Endianness>, _>(endian, object)?;
        for symbol in symbols.iter() {
            let is_there = !symbol.is_undefined() || symbol.n_value(endian) != 0;
            if !symbol.is_stab() && symbol.n_type() & macho::N_EXT != 0 && is_there {
                names.push(symbol.name(endian, symbols.strings())?);
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{Object as Written, StandardSection, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, SymbolFlags, SymbolKind, SymbolScope};

    #[test]
    fn symbols_that_are_defined() {
        let mut written = Written::new(BinaryFormat::MachO, Architecture::Aarch64, Endianness::Little);
        let text = SymbolSection::Section(written.section_id(StandardSection::Text));
        let symbols = [
            ("public", text, SymbolScope::Dynamic),
            ("hidden", text, SymbolScope::Linkage),
            ("own", text, SymbolScope::Compilation),
            ("elsewhere", SymbolSection::Undefined, SymbolScope::Unknown),
        ];
        for (name, section, scope) in symbols {
            let (name, kind, flags) = (name.into(), SymbolKind::Text, SymbolFlags::None);
            written.add_symbol(Symbol { name, value: 0, size: 0, kind, scope, weak: false, section, flags });
        }
        let bytes = written.write().unwrap();
        assert!(bytes.starts_with(MAGIC));
        let mut names = defined_symbols(&bytes).unwrap();
        names.sort_unstable();
        assert_eq!(names, [b"_hidden", b"_public"]);
        for end in [20, 40, bytes.len() / 2, bytes.len() - 12] {
            assert!(defined_symbols(&bytes[..end]).is_err(), "cut to {end} of {} bytes", bytes.len());
        }
    }
}
