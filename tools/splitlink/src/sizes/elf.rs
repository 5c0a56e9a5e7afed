//! The artifact: its sections, and which symbol each byte of them is of.

use super::file::SectionKind;
use crate::files::{archive, wasm};
use anyhow::{Context, Result, bail};
use object::{Architecture, File, Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolFlags, SymbolKind, elf};
use std::collections::HashMap;

/// No section is larger; sums of sizes are numbers then.
const LARGEST: u64 = 1 << 40;

/// A section.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) kind: SectionKind,
    pub(super) bytes: u64,
    address: u64,
    align: u64,
}

/// A symbol that is defined in a section of text or data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a str,
    /// The number of its name among those of the artifact.
    pub(super) number: usize,
    /// The number of the name that it had before thin LTO, if that has renamed it.
    pub(super) before_lto: Option<usize>,
    /// Which of the sections it is in.
    pub(super) section: usize,
    /// Where it is in the section.
    start: u64,
    size: u64,
    /// The source file or codegen unit that it is local to.
    pub(super) file: Option<&'a str>,
    /// Local, weak, global: which of several at one place gives it its name.
    rank: u8,
}

/// What a part of a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// That symbol's, by number.
    Symbol(usize),
    /// Between two functions, to align the second.
    Padding,
    /// Stubs and addresses through which functions and statics of others are reached.
    Table,
}

/// A part of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) what: What,
    pub(super) section: usize,
    pub(super) start: u64,
    pub(super) bytes: u64,
}

/// The artifact.
pub(super) struct Artifact<'a> {
    pub(super) object: File<'a>,
    pub(super) sections: Vec<Section>,
    pub(super) symbols: Vec<Symbol<'a>>,
}

impl<'a> Artifact<'a> {
    /// Reads the artifact in `bytes`.
    ///
    /// # Errors
    /// If it is no linked ELF file, or one without symbols.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        check_format(bytes)?;
        let object = File::parse(bytes).context("it is not a whole ELF file\n  help: was it truncated? link it again")?;
        if object.kind() == object::ObjectKind::Relocatable {
            bail!("it is an object file, which is not linked\n  help: give what `splitlink link-only` wrote");
        }
        let mut sections = Vec::new();
        // The table begins with a section that is none.
        let mut numbers = HashMap::new();
        for section in object.sections() {
            let name = section.name().context("a section has a broken name")?.to_owned();
            let kind = kind_of(&name, section.flags(), section.kind());
            let end = section.file_range().map_or(Some(0), |(start, length)| start.checked_add(length));
            if end.is_none_or(|end| end > bytes.len() as u64) || section.size() > LARGEST {
                bail!("its section `{name}` ends behind the file\n  help: was it truncated? link it again");
            }
            numbers.insert(section.index(), sections.len());
            sections.push(Section { name, kind, bytes: section.size(), address: section.address(), align: section.align() });
        }
        let thread_locals = thread_locals(&object);
        let mut symbols = Vec::new();
        let mut file = None;
        let mut is_any = false;
        for symbol in object.symbols() {
            is_any = true;
            let name = symbol.name().context("a symbol has a broken name")?;
            if symbol.kind() == SymbolKind::File {
                file = Some(name).filter(|name| !name.is_empty());
                continue;
            }
            let SymbolFlags::Elf { st_info, st_other } = symbol.flags() else { continue };
            let binding = st_info >> 4;
            let Some(&section) = symbol.section_index().and_then(|index| numbers.get(&index)) else { continue };
            let kind = sections[section].kind;
            // Marks of what is code and what is data in it, on ARM and RISC-V.
            if !matches!(kind, SectionKind::Text | SectionKind::Data) || name.is_empty() || name.starts_with('$') {
                continue;
            }
            let mut address = symbol.address();
            if symbol.kind() == SymbolKind::Tls {
                address = address.wrapping_add(thread_locals);
            } else if object.architecture() == Architecture::Arm && st_info & 0xf == elf::STT_FUNC {
                // The lowest bit says in which instruction set.
                address &= !1;
            }
            let Some(start) = address.checked_sub(sections[section].address) else { continue };
            // What others could see is no file's; linkers make hidden symbols local, behind those
            // that are.
            let is_of_file = binding == elf::STB_LOCAL && st_other & 3 == elf::STV_DEFAULT;
            let rank = match binding {
                elf::STB_LOCAL => 2,
                elf::STB_WEAK => 1,
                _ => 0,
            };
            symbols.push(Symbol {
                name,
                number: 0,
                before_lto: None,
                section,
                start,
                size: symbol.size(),
                file: file.filter(|_| is_of_file),
                rank,
            });
        }
        if !is_any {
            bail!(
                "it has no symbols, by which its bytes are told apart: was it stripped?\n  help: link it without `-Cstrip`, and strip a copy"
            );
        }
        Ok(Self { object, sections, symbols })
    }

    /// The names of its symbols, with numbers.
    pub(super) fn numbered_names(&mut self) -> HashMap<&'a str, usize> {
        let mut names = HashMap::with_capacity(self.symbols.len());
        for symbol in &mut self.symbols {
            let next = names.len();
            symbol.number = *names.entry(symbol.name).or_insert(next);
            // Thin LTO puts that behind what it shares between modules: rustc's own within a crate,
            // so that rlibs have such names, or that of the link.
            symbol.before_lto = symbol.name.split_once(".llvm.").map(|(name, _)| {
                let next = names.len();
                *names.entry(name).or_insert(next)
            });
        }
        names
    }

    /// The parts of all sections of text and data, as far as symbols say, in order. A symbol
    /// without a size reaches as far as the next one, in data only if `is_given` says that it was
    /// defined in an input, for the linker marks the ends of sections.
    pub(super) fn spans(&self, is_given: impl Fn(&Symbol<'_>) -> bool) -> Vec<Span> {
        let mut by_section: Vec<Vec<usize>> = vec![Vec::new(); self.sections.len()];
        for (number, symbol) in self.symbols.iter().enumerate() {
            by_section[symbol.section].push(number);
        }
        let mut spans = Vec::new();
        for (section, mut numbers) in by_section.into_iter().enumerate() {
            // The longest first of those at one place, so that others are inside.
            numbers.sort_by_key(|&number| {
                let Symbol { name, start, size, rank, .. } = self.symbols[number];
                (start, std::cmp::Reverse(size), rank, name)
            });
            self.spans_of(section, &numbers, &is_given, &mut spans);
        }
        spans
    }

    fn spans_of(&self, section: usize, numbers: &[usize], is_given: impl Fn(&Symbol<'_>) -> bool, spans: &mut Vec<Span>) {
        let Section { kind, bytes: end, .. } = self.sections[section];
        let is_text = kind == SectionKind::Text;
        let mut at = 0;
        for (place, &number) in numbers.iter().enumerate() {
            let symbol = &self.symbols[number];
            if symbol.start >= end || symbol.start + u64::from(symbol.size == 0) <= at && symbol.start.saturating_add(symbol.size) <= at {
                continue;
            }
            let start = symbol.start.max(at);
            let next = || {
                // A label within a function ends nothing.
                let later = numbers[place + 1..].iter().map(|&number| &self.symbols[number]).find(|later| later.start > symbol.start);
                later.map_or(end, |later| later.start)
            };
            let is_endless = symbol.size == 0 && (is_text || is_given(symbol));
            let stop = if is_endless { next() } else { symbol.start.saturating_add(symbol.size) }.min(end);
            if stop <= start {
                continue;
            }
            self.gap(section, at, start, spans);
            spans.push(Span { what: What::Symbol(number), section, start, bytes: stop - start });
            at = stop;
        }
        self.gap(section, at, end, spans);
    }

    /// What is between two symbols, where that is known.
    fn gap(&self, section: usize, start: u64, end: u64, spans: &mut Vec<Span>) {
        let Section { ref name, kind, align, bytes, .. } = self.sections[section];
        if start >= end {
            return;
        }
        let length = end - start;
        let is_table = name.starts_with(".plt") || name == ".iplt" || name.starts_with(".got");
        if kind != SectionKind::Text && !is_table {
            return;
        }
        // Functions are aligned to 16 bytes, hot ones to 64 at most.
        let is_padding = length < align.clamp(16, 64) && (end == bytes || end.is_multiple_of(4));
        let what = match () {
            () if is_table => What::Table,
            () if is_padding => What::Padding,
            () => return,
        };
        spans.push(Span { what, section, start, bytes: length });
    }

    /// The symbol whose span has the `address`, if any of the `spans` has it.
    pub(super) fn symbol_at(&self, spans: &[Span], address: u64) -> Option<usize> {
        let section = self.sections.iter().position(|section| {
            section.kind == SectionKind::Text && address.checked_sub(section.address).is_some_and(|start| start < section.bytes)
        })?;
        let start = address - self.sections[section].address;
        let after = spans.partition_point(|span| (span.section, span.start) <= (section, start));
        let span = spans.get(after.checked_sub(1)?)?;
        match span.what {
            What::Symbol(number) if span.section == section && start < span.start + span.bytes => Some(number),
            _ => None,
        }
    }

    /// Where a span is in memory.
    pub(super) fn address(&self, span: &Span) -> u64 {
        self.sections[span.section].address + span.start
    }
}

/// Refuses what is no ELF file, by name.
fn check_format(bytes: &[u8]) -> Result<()> {
    const MACH_O: [&[u8]; 4] = [b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba"];
    let what = match bytes {
        _ if bytes.starts_with(&elf::ELFMAG) => return Ok(()),
        _ if archive::is_archive(bytes) => bail!("it is an archive, which is not linked\n  help: give the program that is linked with it"),
        _ if MACH_O.iter().any(|magic| bytes.starts_with(magic)) => "a Mach-O file",
        _ if bytes.starts_with(b"MZ") => "a Windows file (PE)",
        _ if bytes.starts_with(wasm::MAGIC) => "a WebAssembly module",
        _ => bail!("it is no program or shared library\n  help: give what `splitlink link-only` wrote"),
    };
    bail!("it is {what}, and only what is in ELF files is told apart\n  help: `twiggy` knows WebAssembly, `bloaty` Mach-O and PE")
}

fn kind_of(name: &str, flags: SectionFlags, kind: object::SectionKind) -> SectionKind {
    use object::SectionKind as Of;
    let SectionFlags::Elf { sh_flags } = flags else { return SectionKind::Other };
    let has = |flag: u32| sh_flags & u64::from(flag) != 0;
    match kind {
        _ if !has(elf::SHF_ALLOC) && (name.starts_with(".debug_") || name.starts_with(".zdebug_")) => SectionKind::Debug,
        _ if !has(elf::SHF_ALLOC) => SectionKind::Other,
        _ if has(elf::SHF_EXECINSTR) => SectionKind::Text,
        _ if [".eh_frame", ".gcc_except_table", ".ARM.ex"].iter().any(|start| name.starts_with(start)) => SectionKind::Other,
        _ if matches!(name, ".interp" | ".relro_padding" | ".dynamic") => SectionKind::Other,
        Of::Data | Of::ReadOnlyData | Of::ReadOnlyDataWithRel | Of::ReadOnlyString => SectionKind::Data,
        Of::UninitializedData | Of::Tls | Of::UninitializedTls | Of::Common => SectionKind::Data,
        Of::Elf(elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY | elf::SHT_PREINIT_ARRAY) => SectionKind::Data,
        _ => SectionKind::Other,
    }
}

/// Where the thread-local data begins, from which its symbols are counted.
fn thread_locals(object: &File<'_>) -> u64 {
    fn of<P: object::read::elf::ProgramHeader>(segments: &[P], endian: P::Endian) -> u64 {
        let tls = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_TLS);
        tls.map_or(0, |segment| segment.p_vaddr(endian).into())
    }
    match object {
        File::Elf32(file) => of(file.elf_program_headers(), file.endian()),
        File::Elf64(file) => of(file.elf_program_headers(), file.endian()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: SectionKind, name: &str, bytes: u64) -> Section {
        Section { name: name.to_owned(), kind, bytes, address: 0x1000, align: 16 }
    }

    const fn symbol(name: &str, start: u64, size: u64, rank: u8) -> Symbol<'_> {
        Symbol { name, number: 0, before_lto: None, section: 0, start, size, file: None, rank }
    }

    fn shown(kind: SectionKind, name: &str, bytes: u64, symbols: &[Symbol<'static>]) -> String {
        let empty =
            object::write::Object::new(object::BinaryFormat::Elf, Architecture::X86_64, object::Endianness::Little).write().unwrap();
        let artifact =
            Artifact { object: File::parse(&*empty).unwrap(), sections: vec![section(kind, name, bytes)], symbols: symbols.to_vec() };
        let spans = artifact.spans(|symbol| symbol.name == "given");
        let parts = spans.iter().map(|span| {
            let what = match span.what {
                What::Symbol(number) => artifact.symbols[number].name,
                What::Padding => "padding",
                What::Table => "table",
            };
            if let What::Symbol(number) = span.what {
                let found = artifact.symbol_at(&spans, 0x1000 + span.start + span.bytes - 1);
                assert!(kind != SectionKind::Text || found == Some(number));
            }
            format!("{what} {}+{}", span.start, span.bytes)
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_each_byte_is_of() {
        use SectionKind::{Data, Text};
        for (kind, name, bytes, symbols, expected) in [
            (Text, ".text", 40, &[symbol("f", 0, 10, 0), symbol("g", 16, 24, 0)][..], "f 0+10, padding 10+6, g 16+24"),
            // Functions in one place count once, by the name that most can see.
            (Text, ".text", 10, &[symbol("b", 0, 10, 2), symbol("c", 0, 10, 0), symbol("a", 0, 10, 1)], "c 0+10"),
            // A label in a function, one in none, and one at the end.
            (
                Text,
                ".text",
                64,
                &[symbol("f", 0, 16, 0), symbol("in", 8, 0, 2), symbol("a", 16, 0, 2), symbol("b", 48, 0, 0)],
                "f 0+16, a 16+32, b 48+16",
            ),
            (Text, ".text", 8, &[symbol("etext", 8, 0, 0)], "padding 0+8"),
            // Nobody's.
            (Text, ".text", 100, &[symbol("f", 80, 20, 0)], "f 80+20"),
            // One over another's end, and one that says more than there is.
            (Text, ".text", 30, &[symbol("f", 0, 20, 0), symbol("g", 10, 15, 0), symbol("h", 25, 90, 0)], "f 0+20, g 20+5, h 25+5"),
            (Text, ".plt.got", 64, &[symbol("f", 16, 16, 0)], "table 0+16, f 16+16, table 32+32"),
            (Data, ".data", 32, &[symbol("_edata", 0, 0, 0), symbol("given", 8, 0, 0), symbol("x", 16, 8, 0)], "given 8+8, x 16+8"),
            (Data, ".got", 16, &[], "table 0+16"),
            (Data, ".data", 16, &[], ""),
            (Text, ".text", 0, &[], ""),
        ] {
            assert_eq!(shown(kind, name, bytes, symbols), expected);
        }
    }

    #[test]
    fn what_is_refused() {
        for (bytes, why) in [
            (&b"!<arch>\n"[..], "is an archive"),
            (b"\0asm\x01\0\0\0", "a WebAssembly module"),
            (b"MZ", "a Windows file"),
            (b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0", "a Mach-O file"),
            (b"#!/bin/sh\n", "no program"),
            (b"", "no program"),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "not a whole ELF file"),
        ] {
            let message = format!("{:#}", Artifact::parse(bytes).err().unwrap());
            assert!(message.contains(why) && message.contains("help: "), "{message}");
        }
        let object =
            object::write::Object::new(object::BinaryFormat::Elf, Architecture::X86_64, object::Endianness::Little).write().unwrap();
        let message = format!("{:#}", Artifact::parse(&object).err().unwrap());
        assert!(message.contains("is an object file") && message.contains("help: "), "{message}");
    }
}
