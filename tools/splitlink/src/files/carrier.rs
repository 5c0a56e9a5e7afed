//! An object with one section of data, which a linker carries into what it makes.

use super::{mach_o, wasm};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::object_symbols::is_object;
    use object::elf::{EF_ARM_ABI_FLOAT_HARD, EF_ARM_EABI_VER5, EF_RISCV_FLOAT_ABI_DOUBLE, ELFOSABI_FREEBSD};
    use object::{Architecture, Endianness, FileFlags, ObjectSection as _, ObjectSymbol as _};

    fn like(format: BinaryFormat, architecture: Architecture, endian: Endianness, flags: FileFlags) -> Vec<u8> {
        let mut object = Object::new(format, architecture, endian);
        object.flags = flags;
        object.write().unwrap()
    }

    #[test]
    fn it_is_like_the_others_of_the_link() {
        let elf = |os_abi, e_flags| FileFlags::Elf { os_abi, abi_version: 0, e_flags };
        for (format, architecture, endian, flags) in [
            (BinaryFormat::Elf, Architecture::X86_64, Endianness::Little, elf(0, 0)),
            (BinaryFormat::Elf, Architecture::X86_64, Endianness::Little, elf(ELFOSABI_FREEBSD, 0)),
            (BinaryFormat::Elf, Architecture::I386, Endianness::Little, elf(0, 0)),
            (BinaryFormat::Elf, Architecture::Arm, Endianness::Little, elf(0, EF_ARM_EABI_VER5 | EF_ARM_ABI_FLOAT_HARD)),
            (BinaryFormat::Elf, Architecture::Riscv64, Endianness::Little, elf(0, EF_RISCV_FLOAT_ABI_DOUBLE)),
            (BinaryFormat::Elf, Architecture::PowerPc64, Endianness::Big, elf(0, 2)),
            (BinaryFormat::Coff, Architecture::X86_64, Endianness::Little, FileFlags::None),
        ] {
            let like = like(format, architecture, endian, flags);
            assert!(is_object(&like));
            let made = object_with(".dep-v0", b"contents", "SYMBOL", &like).unwrap();
            let (made, like) = (object::File::parse(&*made).unwrap(), object::File::parse(&*like).unwrap());
            assert_eq!((made.architecture(), made.endianness()), (like.architecture(), like.endianness()));
            let section = made.section_by_name(".dep-v0").unwrap();
            assert_eq!(section.data().unwrap(), b"contents");
            let symbol = made.symbols().find(|symbol| symbol.name() == Ok("SYMBOL")).unwrap();
            assert!(symbol.is_global() && symbol.section_index() == Some(section.index()));
            if format == BinaryFormat::Elf {
                assert_eq!(made.flags(), like.flags());
                // Not loaded, not exported, and no reason for an executable stack.
                assert_eq!(section.flags(), SectionFlags::Elf { sh_flags: 0 });
                assert_eq!(symbol.scope(), SymbolScope::Linkage);
                assert!(made.section_by_name(".note.GNU-stack").is_some());
            }
        }
        let mach_o = like(BinaryFormat::MachO, Architecture::Aarch64, Endianness::Little, FileFlags::None);
        assert!(object_with("x", b"", "x", &mach_o).unwrap_err().to_string().contains("Mach-O"));
        assert!(object_with("x", b"", "x", b"no object").is_err() && !is_object(b"BC\xc0\xde"));
    }
}
