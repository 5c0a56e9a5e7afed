//! An object with one section of data, which a linker carries into what it makes.

use super::{coff, mach_o, wasm};
use anyhow::{Context, Result, bail};
use object::write::{Object, Symbol, SymbolSection};
use object::{BinaryFormat, Object as _, SectionFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope};

/// An object with `contents` in the section `name`, for the same link as the object `like`. It is of
/// the format and machine of that; where the format has symbols, `symbol` is that of the section.
///
/// # Errors
/// If `like` is no object, or one of Mach-O.
pub(crate) fn object_with(name: &str, contents: &[u8], symbol: &str, like: &[u8]) -> Result<Vec<u8>> {
    if like.starts_with(wasm::MAGIC) {
        return Ok(wasm::object_with(name, contents));
    }
    if like.starts_with(mach_o::MAGIC) {
        bail!("no object of Mach-O is made with the section `{name}`");
    }
    let like = object::File::parse(like)?;
    let mut object = Object::new(like.format(), like.architecture(), like.endianness());
    object.set_sub_architecture(like.sub_architecture());
    let is_elf = like.format() == BinaryFormat::Elf;
    if is_elf {
        // Linkers compare them: the floating-point ABI is among them.
        object.flags = like.flags();
        // Without it GNU ld would make the stack executable.
        let stack = object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
        object.section_mut(stack).flags = SectionFlags::Elf { sh_flags: 0 };
    }
    let section = object.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::ReadOnlyData);
    if is_elf {
        // Nothing loads it.
        object.section_mut(section).flags = SectionFlags::Elf { sh_flags: 0 };
    }
    let value = object.append_section_data(section, contents, 1);
    object.add_symbol(Symbol {
        name: symbol.as_bytes().to_vec(),
        value,
        size: contents.len() as u64,
        kind: SymbolKind::Data,
        // For the linker, and in no list of what is exported.
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    object.write().context("the object cannot be written")
}

/// Whether `bytes` begin as an object that [`object_with`] can be given.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") || bytes.starts_with(wasm::MAGIC) || bytes.starts_with(coff::MAGIC) || bytes.starts_with(mach_o::MAGIC)
}
