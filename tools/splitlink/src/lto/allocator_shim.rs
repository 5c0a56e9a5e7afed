//! The bitcode of rustc's allocator shim, the same for all crates.
//!
//! Each linked crate has a shim of its own. Those of two crates do the same and differ in their
//! module's name, which rustc makes of the crate's, and in a hash of the module. Whatever allocates
//! imports functions of the shim, so by these two alone what thin LTO makes of the standard library
//! would be another for each crate. No shim has what they are for: local symbols, whose names are
//! made unique by them.

use super::bitcode::{Bits, CHAR6};
use std::ops::Range;

/// The name that every shim gets, cut or filled up to the length of its own.
const NAME: &[u8] = b"allocator_shim";

/// The numbers of LLVM's bitstream format and of its module block (LLVM 22).
const END_BLOCK: u64 = 0;
const ENTER_BLOCK: u64 = 1;
const DEFINE_ABBREVIATION: u64 = 2;
const UNABBREVIATED: u64 = 3;
const MODULE_BLOCK: u64 = 8;
const SOURCE_FILENAME: u64 = 16;
const HASH: u64 = 17;

/// The shim `bitcode` under the name of all shims and without its hash. Bitcode that is not written
/// as expected is left as it is: it is right, too, and only not the same for all crates.
pub fn anonymous(bitcode: Vec<u8>) -> Vec<u8> {
    let Some(Module { name, hash, block }) = module(&bitcode) else { return bitcode };
    let mut of_all = Vec::with_capacity(bitcode.len());
    of_all.extend(&bitcode[..block.end]);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (place, c) in name.iter().zip(NAME.iter().chain(std::iter::repeat(&b'_'))) {
        let (Some(was), Some(is)) = (place.character(&bitcode), place.encoded(*c)) else { return bitcode };
        set_bits(&mut of_all, place.at, place.width, is);
        old.push(was);
        new.push(*c);
    }
    // The hash is the block's last record. The block ends where it began: all bits of that are 0.
    let end = (hash.at + hash.width as usize).next_multiple_of(32) / 8;
    if end > block.end {
        return bitcode;
    }
    set_bits(&mut of_all, hash.at, (end * 8 - hash.at) as u32, END_BLOCK);
    of_all.truncate(end);
    let words = (end - block.start) / 4;
    set_bits(&mut of_all, block.start * 8 - 32, 32, words as u64);
    // Behind the block are the strings, in which the name is once more.
    let mut rest = &bitcode[block.end..];
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        of_all.extend(&rest[..at]);
        of_all.extend(&new);
        rest = &rest[at + old.len()..];
    }
    of_all.extend(rest);
    of_all
}

/// Where bits are, of which `width` belong together.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: usize,
    width: u32,
    is_char6: bool,
}

impl Place {
    fn character(self, bitcode: &[u8]) -> Option<u8> {
        let value = Bits { bytes: bitcode, at: self.at }.fixed(self.width)?;
        if self.is_char6 { CHAR6.get(usize::try_from(value).ok()?).copied() } else { u8::try_from(value).ok() }
    }

    fn encoded(self, c: u8) -> Option<u64> {
        if self.is_char6 { CHAR6.iter().position(|&other| other == c).map(|at| at as u64) } else { Some(u64::from(c)) }
    }
}

fn set_bits(bytes: &mut [u8], at: usize, width: u32, value: u64) {
    for bit in 0..width as usize {
        let (byte, mask) = ((at + bit) / 8, 1 << ((at + bit) % 8));
        let is_set = bit < 64 && value >> bit & 1 == 1;
        bytes[byte] = if is_set { bytes[byte] | mask } else { bytes[byte] & !mask };
    }
}

/// What is looked for in bitcode.
struct Module {
    /// The characters of the module's name.
    name: Vec<Place>,
    /// The number with which the record of the hash begins.
    hash: Place,
    /// The bytes of the module's block, behind its length.
    block: Range<usize>,
}

/// How a record's fields are written.
#[derive(Clone, Copy)]
enum Encoding {
    Literal(u64),
    Fixed(u32),
    Variable(u32),
    Array,
    Char6,
}

/// Finds the module; none if that cannot be understood.
fn module(bitcode: &[u8]) -> Option<Module> {
    // Behind the magic number.
    let mut bits = Bits { bytes: bitcode, at: 32 };
    loop {
        if bits.fixed(2)? != ENTER_BLOCK {
            return None;
        }
        let (number, width, block) = enter(&mut bits)?;
        if number == MODULE_BLOCK {
            let (name, hash) = records(&mut bits, width, block.end * 8)?;
            return Some(Module { name, hash, block });
        }
        bits.at = block.end * 8;
    }
}

/// Reads the rest of what begins a block: its number, the width of its abbreviations, its bytes.
fn enter(bits: &mut Bits<'_>) -> Option<(u64, u32, Range<usize>)> {
    let number = bits.variable(8)?;
    let width = u32::try_from(bits.variable(4)?).ok().filter(|width| (2..=32).contains(width))?;
    bits.align();
    let words = usize::try_from(bits.fixed(32)?).ok()?;
    let start = bits.at / 8;
    let end = start.checked_add(words.checked_mul(4)?).filter(|end| *end <= bits.bytes.len())?;
    Some((number, width, start..end))
}

/// Reads a module's records up to its hash, with which it ends at `end`; says where that and the
/// module's name are.
fn records(bits: &mut Bits<'_>, width: u32, end: usize) -> Option<(Vec<Place>, Place)> {
    let mut abbreviations = Vec::new();
    let mut name = Vec::new();
    loop {
        let at = bits.at;
        match bits.fixed(width)? {
            END_BLOCK => return None,
            ENTER_BLOCK => bits.at = enter(bits)?.2.end * 8,
            DEFINE_ABBREVIATION => abbreviations.push(abbreviation(bits)?),
            UNABBREVIATED => {
                let code = bits.variable(6)?;
                let fields = bits.variable(6)?;
                for _ in 0..fields {
                    bits.variable(6)?;
                }
                if code == HASH {
                    let is_last = bits.fixed(width)? == END_BLOCK && bits.at.next_multiple_of(32) == end;
                    return (is_last && !name.is_empty()).then_some((name, Place { at, width, is_char6: false }));
                }
            }
            number => {
                let fields: &Vec<Encoding> = abbreviations.get(usize::try_from(number).ok()?.checked_sub(4)?)?;
                let (code, characters) = record(bits, fields)?;
                if code == SOURCE_FILENAME {
                    name = characters;
                }
            }
        }
        if bits.at >= end {
            return None;
        }
    }
}

fn abbreviation(bits: &mut Bits<'_>) -> Option<Vec<Encoding>> {
    let number = bits.variable(5)?;
    let mut fields = Vec::new();
    for _ in 0..number {
        let is_literal = bits.fixed(1)? == 1;
        fields.push(if is_literal {
            Encoding::Literal(bits.variable(8)?)
        } else {
            match bits.fixed(3)? {
                1 => Encoding::Fixed(field_width(bits)?),
                2 => Encoding::Variable(field_width(bits)?),
                3 => Encoding::Array,
                4 => Encoding::Char6,
                // No module's own record has a blob.
                _ => return None,
            }
        });
    }
    Some(fields)
}

fn field_width(bits: &mut Bits<'_>) -> Option<u32> {
    u32::try_from(bits.variable(5)?).ok().filter(|width| (1..=32).contains(width))
}

/// Reads a record of the form `fields`: its number, and where the elements of its array are.
fn record(bits: &mut Bits<'_>, fields: &[Encoding]) -> Option<(u64, Vec<Place>)> {
    let mut code = None;
    let mut elements = Vec::new();
    let mut fields = fields.iter();
    while let Some(field) = fields.next() {
        let value = match *field {
            Encoding::Literal(value) => value,
            Encoding::Fixed(width) => bits.fixed(width)?,
            Encoding::Variable(width) => bits.variable(width)?,
            Encoding::Char6 => bits.fixed(6)?,
            Encoding::Array => {
                let (width, is_char6) = match fields.next()? {
                    Encoding::Fixed(width) => (*width, false),
                    Encoding::Char6 => (6, true),
                    _ => return None,
                };
                for _ in 0..bits.variable(6)? {
                    elements.push(Place { at: bits.at, width, is_char6 });
                    bits.fixed(width)?;
                }
                continue;
            }
        };
        code.get_or_insert(value);
    }
    Some((code?, elements))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn fixed(&mut self, width: u32, value: u64) {
            self.0.extend((0..width).map(|bit| value >> bit & 1 == 1));
        }

        fn variable(&mut self, width: u32, mut value: u64) {
            let more = 1 << (width - 1);
            while value >= more {
                self.fixed(width, value & (more - 1) | more);
                value >>= width - 1;
            }
            self.fixed(width, value);
        }

        fn align(&mut self) {
            self.0.resize(self.0.len().next_multiple_of(32), false);
        }

        fn bytes(&mut self, bytes: &[u8]) {
            bytes.iter().for_each(|byte| self.fixed(8, u64::from(*byte)));
        }

        fn record(&mut self, code: u64, fields: &[u64]) {
            self.fixed(3, UNABBREVIATED);
            [&[code, fields.len() as u64], fields].concat().iter().for_each(|value| self.variable(6, *value));
        }

        fn block(&mut self, outer: u32, number: u64, contents: impl FnOnce(&mut Self)) {
            self.fixed(outer, ENTER_BLOCK);
            self.variable(8, number);
            self.variable(4, 3);
            self.align();
            let at = self.0.len();
            self.fixed(32, 0);
            contents(self);
            self.fixed(3, END_BLOCK);
            self.align();
            let words = (self.0.len() - at) / 32 - 1;
            (0..32).for_each(|bit| self.0[at + bit] = words >> bit & 1 == 1);
        }
    }

    /// A module as LLVM writes it, but for what is in it.
    fn bitcode(name: &str, hash: Option<[u64; 5]>, contents: u64) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.bytes(b"BC\xc0\xde");
        writer.block(2, 13, |block| block.record(1, &[76, 76, 86, 77]));
        writer.block(2, MODULE_BLOCK, |block| {
            block.record(1, &[2]);
            block.block(3, 17, |block| block.record(HASH, &[contents]));
            // The number as itself, and an array of 6-bit characters.
            block.fixed(3, DEFINE_ABBREVIATION);
            block.variable(5, 3);
            block.fixed(1, 1);
            block.variable(8, SOURCE_FILENAME);
            [3, 4].iter().for_each(|encoding| block.fixed(4, encoding << 1));
            block.fixed(3, 4);
            block.variable(6, name.len() as u64);
            for c in name.bytes() {
                block.fixed(6, CHAR6.iter().position(|other| *other == c).unwrap() as u64);
            }
            block.record(8, &[contents]);
            if let Some(hash) = hash {
                block.record(HASH, &hash);
            }
        });
        writer.block(2, 23, |block| {
            block.align();
            block.bytes(format!("__rust_alloc{name}{contents}").as_bytes());
        });
        writer.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }

    const SHORT: [u64; 5] = [1, 2, 3, 4, 5];
    const LONG: [u64; 5] = [u32::MAX as u64; 5];

    #[test]
    fn the_same_for_all_crates() {
        let shim = anonymous(bitcode("2xisw8yhi9elmx2h0elhafk6p", Some(LONG), 7));
        assert_eq!(shim, bitcode("allocator_shim___________", None, 7));
        assert_eq!(anonymous(bitcode("7bxlh4zkty1m4quld98ferxt2", Some(SHORT), 7)), shim);
        assert_ne!(anonymous(bitcode("7bxlh4zkty1m4quld98ferxt2", Some(LONG), 8)), shim, "one that does something else");
        assert_eq!(anonymous(bitcode("short", Some(LONG), 7)), bitcode("alloc", None, 7));
        assert_eq!(anonymous(shim.clone()), shim);
    }

    #[test]
    fn what_is_not_understood_stays() {
        let whole = bitcode("2xisw8yhi9elmx2h0elhafk6p", Some(LONG), 7);
        // The strings are not looked into.
        let without_strings = whole.len() - 64;
        for end in 0..without_strings {
            assert_eq!(anonymous(whole[..end].to_vec()), whole[..end], "{end}");
        }
        for bit in 0..whole.len() * 8 {
            let mut other = whole.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(anonymous(other).len() <= whole.len(), "{bit}");
        }
        for other in [bitcode("2xisw8yhi9elmx2h0elhafk6p", None, 7), b"text".to_vec(), Vec::new()] {
            assert_eq!(anonymous(other.clone()), other);
        }
    }
}
