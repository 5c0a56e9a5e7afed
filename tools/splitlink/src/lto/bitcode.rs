//! LLVM bitcode: where an object has it, and which LLVM wrote it.

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

/// LLVM's 6-bit alphabet.
pub(super) const CHAR6: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._";

/// A character of that alphabet.
fn char6(value: u64) -> Option<char> {
    CHAR6.get(usize::try_from(value).ok()?).map(|byte| char::from(*byte))
}

/// A stream of bits, the lowest of each byte first.
pub(super) struct Bits<'b> {
    pub(super) bytes: &'b [u8],
    /// How many were read.
    pub(super) at: usize,
}

impl Bits<'_> {
    pub(super) fn fixed(&mut self, width: u32) -> Option<u64> {
        let mut value = 0;
        for bit in 0..width {
            let byte = self.bytes.get(self.at / 8)?;
            value |= u64::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(value)
    }

    /// A number in chunks of `width` bits, of which the highest says whether another follows.
    pub(super) fn variable(&mut self, width: u32) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let chunk = self.fixed(width)?;
            let more = 1 << (width - 1);
            value |= (chunk & (more - 1)).checked_shl(shift)?;
            if chunk & more == 0 {
                return Some(value);
            }
            shift += width - 1;
        }
    }

    pub(super) fn align(&mut self) {
        self.at = self.at.next_multiple_of(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
