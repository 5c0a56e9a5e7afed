//! What the loader and the linker see of an artifact, as lines of text that can be compared.

use anyhow::{Context, Result};
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, Sym};
use std::fs;
use std::path::Path;

type Header = elf::FileHeader64<object::Endianness>;

/// Describes the ELF file at `path`: its type (`ET_DYN` where position-independent), needed
/// libraries, SONAME and run path, segments with flags (`GNU_STACK` without x is NX, `GNU_RELRO`),
/// dynamic flags (`BIND_NOW`), sections with flags, dynamic symbols.
///
/// # Errors
/// If it cannot be read as 64-bit ELF.
pub fn describe(path: &Path) -> Result<Vec<String>> {
    let data = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    facts(&data).with_context(|| format!("`{}` is not the ELF file it should be", path.display()))
}

fn facts(data: &[u8]) -> Result<Vec<String>> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let mut facts = vec![format!("type {}", header.e_type(endian))];
    for segment in header.program_headers(endian, data)? {
        facts.push(format!("segment {:#x} flags {:#x}", segment.p_type(endian), segment.p_flags(endian)));
        if let Some(interpreter) = segment.interpreter(endian, data)? {
            facts.push(format!("interpreter {}", String::from_utf8_lossy(interpreter)));
        }
    }
    let sections = header.sections(endian, data)?;
    for section in sections.iter() {
        let name = String::from_utf8_lossy(sections.section_name(endian, section)?);
        facts.push(format!("section {name} type {:#x} flags {:#x}", section.sh_type(endian), section.sh_flags(endian)));
    }
    if let Some((entries, strings)) = sections.dynamic(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        for entry in entries {
            let tag = entry.d_tag(endian);
            let name = match tag {
                elf::DT_NEEDED => "needed",
                elf::DT_SONAME => "soname",
                elf::DT_RPATH => "rpath",
                elf::DT_RUNPATH => "runpath",
                elf::DT_FLAGS => {
                    facts.push(format!("flags {:#x}", entry.d_val(endian)));
                    continue;
                }
                elf::DT_FLAGS_1 => {
                    facts.push(format!("flags_1 {:#x}", entry.d_val(endian)));
                    continue;
                }
                _ => continue,
            };
            facts.push(format!("{name} {}", String::from_utf8_lossy(entry.string(endian, strings)?)));
        }
    }
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM)?;
    let mut dynamic = Vec::new();
    for symbol in symbols.iter() {
        let name = String::from_utf8_lossy(symbols.symbol_name(endian, symbol)?);
        let defined = if symbol.is_undefined(endian) { "imports" } else { "exports" };
        dynamic.push(format!("{defined} {name} info {:#x} visibility {}", symbol.st_info(), symbol.st_visibility()));
    }
    dynamic.sort();
    facts.extend(dynamic);
    Ok(facts)
}
