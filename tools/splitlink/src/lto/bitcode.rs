//! LLVM bitcode: where an object has it, and which LLVM wrote it.

use super::bitstream::{self, Bits, CHAR6, Entries, Entry};
use crate::files::wasm;
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use std::ops::Range;

/// The section in which rustc keeps a module's bitcode beside its machine code
/// (`rustc_codegen_llvm::back::write::embed_bitcode`, 1.95).
pub const SECTION: &str = ".llvmbc";

const MAGIC: &[u8] = b"BC\xc0\xde";

/// Whether `bytes` are bitcode.
pub fn is_bitcode(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Where the object `bytes` has bitcode: everywhere, or in a section; none if it has none.
pub fn range(bytes: &[u8]) -> Option<Range<usize>> {
    if is_bitcode(bytes) {
        return Some(0..bytes.len());
    }
    if bytes.starts_with(wasm::MAGIC) {
        let section = wasm::custom_section(bytes, SECTION).ok()??;
        let range = usize::try_from(section.start).ok()?..usize::try_from(section.end).ok()?;
        return bytes.get(range.clone()).filter(|bytes| is_bitcode(bytes)).map(|_| range);
    }
    let object = object::File::parse(bytes).ok()?;
    let (offset, size) = object.section_by_name(SECTION)?.file_range()?;
    let range = usize::try_from(offset).ok()?..usize::try_from(offset.checked_add(size)?).ok()?;
    // Empty where rustc was told to embed none.
    bytes.get(range.clone()).filter(|bytes| is_bitcode(bytes)).map(|_| range)
}

/// What wrote the bitcode `bytes`, in its own words: `LLVM22.1.2-rust-1.95.0-stable`.
///
/// It is the one string of the identification block, with which every module begins
/// (`llvm::BitcodeWriter`'s `writeIdentificationBlock`, LLVM 22). The abbreviation for it is
/// defined in the block, so nothing else need be understood.
///
/// # Errors
/// If it does not begin so.
pub fn producer(bytes: &[u8]) -> Result<String> {
    let mut bits = Bits { bytes, at: MAGIC.len() * 8 };
    (|| {
        const IDENTIFICATION_BLOCK: u64 = 13;
        // Enter a block: abbreviation 1 in 2 bits, the block's number, the width of its
        // abbreviations, its length.
        if bits.fixed(2)? != 1 || bits.variable(8)? != IDENTIFICATION_BLOCK {
            return None;
        }
        let width = u32::try_from(bits.variable(4)?).ok().filter(|width| *width <= 32)?;
        bits.align();
        bits.fixed(32)?;
        // Define an abbreviation: abbreviation 2, the number of operands: the record's code,
        // "array", its elements.
        if bits.fixed(width)? != 2 || bits.variable(5)? != 3 {
            return None;
        }
        let (true, 1) = (bits.fixed(1)? == 1, bits.variable(8)?) else { return None };
        const ARRAY: u64 = 3;
        let (0, ARRAY) = (bits.fixed(1)?, bits.fixed(3)?) else { return None };
        const FIXED: u64 = 1;
        const CHAR6: u64 = 4;
        let element = match (bits.fixed(1)?, bits.fixed(3)?) {
            // LLVM's have 1 to 32 bits; of no bits there would be any number of characters.
            (0, FIXED) => Some(u32::try_from(bits.variable(5)?).ok().filter(|width| (1..=32).contains(width))?),
            (0, CHAR6) => None,
            _ => return None,
        };
        // The record: by that abbreviation, the block's first, or with each element on its own
        // where it does not fit.
        let is_abbreviated = match bits.fixed(width)? {
            4 => true,
            3 if bits.variable(6)? == 1 => false,
            _ => return None,
        };
        let length = bits.variable(6)?;
        let text = (0..length).map(|_| match (is_abbreviated, element) {
            (false, _) => char::from_u32(u32::try_from(bits.variable(6)?).ok()?),
            (true, Some(width)) => char::from_u32(u32::try_from(bits.fixed(width)?).ok()?),
            (true, None) => char6(bits.fixed(6)?),
        });
        text.collect::<Option<String>>()
    })()
    .context("the bitcode does not begin as LLVM's does\n  help: was the file truncated?")
}

/// The major version of the LLVM that wrote the bitcode `bytes`.
///
/// # Errors
/// If it does not say.
pub fn major(bytes: &[u8]) -> Result<(u32, String)> {
    let producer = producer(bytes)?;
    let digits: String = producer.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    match digits.parse() {
        Ok(major) => Ok((major, producer)),
        Err(_) => bail!("the bitcode does not say which LLVM wrote it, but `{producer}`"),
    }
}

/// What the module in the bitcode `bytes` is compiled for, as LLVM spells it; none if it does not say
/// so as LLVM's writer does (`ModuleBitcodeWriter::writeModuleInfo`, LLVM 22).
pub fn triple(bytes: &[u8]) -> Option<String> {
    const TRIPLE: u64 = 2;
    let (_, mut entries) = Entries::of_module(bytes)?;
    loop {
        match entries.next()? {
            Entry::End => return None,
            Entry::Record { code: TRIPLE, values, .. } => {
                return values.into_iter().map(|value| char::from_u32(u32::try_from(value).ok()?)).collect();
            }
            Entry::Record { .. } | Entry::Block { .. } => {}
        }
    }
}

/// The functions that the module in the bitcode `bytes` defines, and those of its statics that are
/// written without an abbreviation; none if it cannot be understood
/// (`ModuleBitcodeWriter::writeModuleInfo`, LLVM 22).
pub fn definitions(bytes: &[u8]) -> Option<Vec<&str>> {
    const STATIC: u64 = 7;
    const FUNCTION: u64 = 8;
    const AVAILABLE_EXTERNALLY: u64 = 12;
    let names = bitstream::string_table(bytes)?;
    let (_, mut entries) = Entries::of_module(bytes)?;
    let mut found = Vec::new();
    loop {
        let (code, values) = match entries.next()? {
            Entry::End => return Some(found),
            Entry::Record { code: code @ (STATIC | FUNCTION), values, .. } => (code, values),
            Entry::Record { .. } | Entry::Block { .. } => continue,
        };
        let is_defined = match (code, values.as_slice()) {
            (FUNCTION, [_, _, _, _, declared, linkage, ..]) => *declared == 0 && *linkage != AVAILABLE_EXTERNALLY,
            (STATIC, [_, _, _, _, value, linkage, ..]) => *value != 0 && *linkage != AVAILABLE_EXTERNALLY,
            _ => false,
        };
        if is_defined {
            let start = usize::try_from(values[0]).ok()?;
            let end = start.checked_add(usize::try_from(values[1]).ok()?)?;
            found.extend(std::str::from_utf8(names.get(start..end)?).ok());
        }
    }
}

/// Whether the bitcode `bytes` is compiled for WebAssembly.
pub fn is_web_assembly(bytes: &[u8]) -> bool {
    triple(bytes).is_some_and(|triple| triple.starts_with("wasm"))
}

/// Whether the bitcode `bytes` brings custom sections for a WebAssembly module. They are listed as
/// metadata of this name (`rustc_codegen_llvm::consts::codegen_static_item`, 1.95), whose characters
/// have 8 bits each but begin at any bit.
pub fn has_custom_sections(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"wasm.custom_sections";
    (0..8).any(|shift| {
        // Of the first and the last byte a part only is the name's.
        let shifted: Vec<u8> = NAME.windows(2).map(|pair| ((u16::from(pair[0]) | u16::from(pair[1]) << 8) >> shift) as u8).collect();
        bytes.windows(shifted.len()).any(|window| window == shifted)
    })
}

/// Whether the module of the bitcode `bytes` has a summary, by which thin LTO imports functions.
///
/// # Errors
/// If the bitcode cannot be understood.
pub fn has_summary(bytes: &[u8]) -> Result<bool> {
    Ok(!summaries(bytes)?.is_empty())
}

/// The bitcode `bytes` as a module that thin LTO does not import functions from: the summary, by
/// which it does, becomes a block of a number that LLVM passes over.
///
/// # Errors
/// If the bitcode cannot be understood.
pub fn without_summary(mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    const NO_BLOCK: u64 = 120;
    // The first 7 of the 8 bits, of which the last says that no others follow.
    summaries(&bytes)?.into_iter().for_each(|at| bitstream::set_bits(&mut bytes, at, 7, NO_BLOCK));
    Ok(bytes)
}

/// Where the numbers of the blocks are that are summaries, in bits.
fn summaries(bytes: &[u8]) -> Result<Vec<usize>> {
    const SUMMARY_BLOCK: u64 = 20;
    let (_, mut entries) = Entries::of_module(bytes).context("it does not begin as a module does")?;
    let mut summaries = Vec::new();
    loop {
        match entries.next().context("a record in it is not written as LLVM does")? {
            Entry::End => return Ok(summaries),
            Entry::Block { number: SUMMARY_BLOCK, number_at } => summaries.push(number_at),
            Entry::Block { .. } | Entry::Record { .. } => {}
        }
    }
}

/// A character of LLVM's 6-bit alphabet.
fn char6(value: u64) -> Option<char> {
    CHAR6.get(usize::try_from(value).ok()?).map(|byte| char::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lto::bitstream::{MODULE_BLOCK, writer::Writer};
    use object::write::Object;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind};

    fn object(bitcode: Option<&[u8]>) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        if let Some(bitcode) = bitcode {
            let section = object.add_section(Vec::new(), SECTION.into(), SectionKind::Other);
            object.append_section_data(section, bitcode, 1);
        }
        object.write().unwrap()
    }

    #[test]
    fn where_bitcode_is() {
        let bitcode = b"BC\xc0\xde and so on".as_slice();
        let with = object(Some(bitcode));
        assert_eq!(&with[range(&with).unwrap()], bitcode);
        assert_eq!(range(bitcode), Some(0..bitcode.len()));
        for without in [object(None), object(Some(b"")), b"text".to_vec(), Vec::new()] {
            assert_eq!(range(&without), None);
        }
    }

    /// A module with a record for the triple, unless it is not to be understood.
    fn module(triple: &str, is_understood: bool) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.bytes(MAGIC);
        writer.block(2, MODULE_BLOCK, |block| {
            block.record(2, &triple.bytes().map(u64::from).collect::<Vec<_>>());
            if !is_understood {
                // By an abbreviation that was never defined.
                block.fixed(3, 7);
            }
            block.block(3, 20, |block| block.record(1, &[20]));
            block.block(3, 21, |block| block.record(1, &[20]));
        });
        writer.finish()
    }

    #[test]
    fn for_which_target() {
        assert_eq!(triple(&module("wasm32-wasip1", true)).as_deref(), Some("wasm32-wasip1"));
        assert!(is_web_assembly(&module("wasm32", true)) && !is_web_assembly(&module("x86_64-unknown-linux-gnu", true)));
        for none in [&b"text"[..], MAGIC, b""] {
            assert_eq!(triple(none), None);
        }
    }

    #[test]
    fn modules_without_summary() {
        let whole = module("wasm32", true);
        let without = without_summary(whole.clone()).unwrap();
        let numbers = |bytes: &[u8]| {
            let (_, mut entries) = Entries::of_module(bytes).unwrap();
            let mut numbers = Vec::new();
            while let Some(entry) = entries.next() {
                match entry {
                    Entry::End => return numbers,
                    Entry::Block { number, .. } => numbers.push(number),
                    Entry::Record { .. } => {}
                }
            }
            panic!("it does not end");
        };
        assert_eq!((numbers(&whole), numbers(&without)), (vec![20, 21], vec![120, 21]));
        assert!(has_summary(&whole).unwrap() && !has_summary(&without).unwrap());
        assert_eq!(without_summary(without.clone()).unwrap(), without);
        for (bytes, message) in [(module("wasm32", false), "not written as LLVM does"), (b"BC".to_vec(), "does not begin as")] {
            assert!(without_summary(bytes).unwrap_err().to_string().contains(message), "{message}");
        }
    }

    #[test]
    fn custom_sections_by_name() {
        for shift in 0..16 {
            let mut writer = Writer::default();
            writer.fixed(shift, 0x5555);
            writer.bytes(b"wasm.custom_sections");
            writer.fixed(16, 0x5555);
            assert!(has_custom_sections(&writer.finish()), "{shift}");
        }
        assert!(!has_custom_sections(b"wasm.custom_parts here") && !has_custom_sections(b""));
    }

    #[test]
    fn who_wrote_it() {
        // The first bytes of what rustc 1.95.0 writes with `--emit=llvm-bc`.
        let bytes = include_bytes!("identification.bc");
        assert_eq!(producer(bytes).unwrap(), "LLVM22.1.2-rust-1.95.0-stable");
        assert_eq!(major(bytes).unwrap().0, 22);
        for end in [4, 8, 20, 30] {
            assert!(producer(&bytes[..end]).unwrap_err().to_string().contains("truncated"), "{end}");
        }
        // Characters of no bits, of which there is no end.
        let mut without_bits = bytes.to_vec();
        without_bits[15] &= 0b0000_0111;
        assert!(producer(&without_bits).unwrap_err().to_string().contains("truncated"));
    }
}
