//! LLVM's bitstream, the container of bitcode: blocks, with records and other blocks in them (LLVM's
//! "Bitcode File Format", 22).

use std::ops::Range;

/// The numbers by which entries begin.
pub(super) const END_BLOCK: u64 = 0;
const ENTER_BLOCK: u64 = 1;
pub(super) const DEFINE_ABBREVIATION: u64 = 2;
const UNABBREVIATED: u64 = 3;

/// The number of the block that holds a module.
pub(super) const MODULE_BLOCK: u64 = 8;

/// LLVM's 6-bit alphabet.
pub(super) const CHAR6: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._";

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

/// Where bits are, of which `width` belong together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) width: u32,
    pub(super) is_char6: bool,
}

impl Place {
    pub(super) fn character(self, bitcode: &[u8]) -> Option<u8> {
        let value = Bits { bytes: bitcode, at: self.at }.fixed(self.width)?;
        if self.is_char6 { CHAR6.get(usize::try_from(value).ok()?).copied() } else { u8::try_from(value).ok() }
    }

    pub(super) fn encoded(self, c: u8) -> Option<u64> {
        if self.is_char6 { CHAR6.iter().position(|&other| other == c).map(|at| at as u64) } else { Some(u64::from(c)) }
    }
}

/// Writes `value` to the `width` bits from `at` on.
pub(super) fn set_bits(bytes: &mut [u8], at: usize, width: u32, value: u64) {
    for bit in 0..width as usize {
        let (byte, mask) = ((at + bit) / 8, 1 << ((at + bit) % 8));
        let is_set = bit < 64 && value >> bit & 1 == 1;
        bytes[byte] = if is_set { bytes[byte] | mask } else { bytes[byte] & !mask };
    }
}

/// The entries of a block, one after the other.
pub(super) struct Entries<'b> {
    bits: Bits<'b>,
    /// Of how many bits the number is by which an entry begins.
    pub(super) width: u32,
    /// Behind the last bit of the block.
    end: usize,
    abbreviations: Vec<Vec<Encoding>>,
}

/// What is in a block.
pub(super) enum Entry {
    /// The block is over.
    End,
    /// A block, which is passed over.
    Block {
        /// Its number.
        number: u64,
        /// Where that is.
        number_at: usize,
    },
    /// A record.
    Record {
        /// Where it begins.
        at: usize,
        /// What it says.
        code: u64,
        /// Its values, if it was written without an abbreviation.
        values: Vec<u64>,
        /// Where the elements of its array are, if it was written with one.
        characters: Vec<Place>,
    },
}

impl<'b> Entries<'b> {
    /// Those of the first module in `bitcode`, and where its block is, in bytes; none if that cannot
    /// be understood.
    pub(super) fn of_module(bitcode: &'b [u8]) -> Option<(Range<usize>, Self)> {
        // Behind the magic number.
        let mut bits = Bits { bytes: bitcode, at: 32 };
        loop {
            if bits.fixed(2)? != ENTER_BLOCK {
                return None;
            }
            let (number, width, block) = enter(&mut bits)?;
            let end = block.end * 8;
            if number == MODULE_BLOCK {
                return Some((block, Self { bits, width, end, abbreviations: Vec::new() }));
            }
            bits.at = end;
        }
    }

    /// Those of the block that [`Self::next`] has found at `number_at`; none if that cannot be
    /// understood.
    pub(super) fn of_block(&self, number_at: usize) -> Option<Self> {
        let mut bits = Bits { bytes: self.bits.bytes, at: number_at };
        let (_, width, block) = enter(&mut bits)?;
        Some(Self { bits, width, end: block.end * 8, abbreviations: Vec::new() })
    }

    /// The next record that stands in the block itself, its number and its values, however it is
    /// written; none in the end, and an error if one cannot be understood.
    pub(super) fn next_values(&mut self) -> Result<Option<(u64, Vec<u64>)>, NotUnderstood> {
        loop {
            let at = self.bits.at;
            let mut ahead = Bits { bytes: self.bits.bytes, at };
            match ahead.fixed(self.width).filter(|_| at < self.end).ok_or(NotUnderstood)? {
                DEFINE_ABBREVIATION => {
                    self.abbreviations.push(abbreviation(&mut ahead).ok_or(NotUnderstood)?);
                    self.bits.at = ahead.at;
                    continue;
                }
                number @ 4.. => {
                    let fields = usize::try_from(number - 4).ok().and_then(|at| self.abbreviations.get(at)).ok_or(NotUnderstood)?;
                    let record = values(&mut ahead, fields).ok_or(NotUnderstood)?;
                    self.bits.at = ahead.at;
                    return Ok(Some(record));
                }
                _ => {}
            }
            match self.next().ok_or(NotUnderstood)? {
                Entry::End => return Ok(None),
                Entry::Block { .. } => {}
                Entry::Record { code, values, .. } => return Ok(Some((code, values))),
            }
        }
    }

    /// The next one; none if it cannot be understood.
    pub(super) fn next(&mut self) -> Option<Entry> {
        loop {
            let bits = &mut self.bits;
            if bits.at >= self.end {
                return None;
            }
            let at = bits.at;
            let entry = match bits.fixed(self.width)? {
                END_BLOCK => return (bits.at.next_multiple_of(32) == self.end).then_some(Entry::End),
                ENTER_BLOCK => {
                    let number_at = bits.at;
                    let (number, _, block) = enter(bits)?;
                    bits.at = block.end * 8;
                    Entry::Block { number, number_at }
                }
                DEFINE_ABBREVIATION => {
                    self.abbreviations.push(abbreviation(bits)?);
                    continue;
                }
                UNABBREVIATED => {
                    let code = bits.variable(6)?;
                    let fields = bits.variable(6)?;
                    let values = (0..fields).map(|_| bits.variable(6)).collect::<Option<_>>()?;
                    Entry::Record { at, code, values, characters: Vec::new() }
                }
                number => {
                    let fields: &Vec<Encoding> = self.abbreviations.get(usize::try_from(number).ok()?.checked_sub(4)?)?;
                    let (code, characters) = record(bits, fields)?;
                    Entry::Record { at, code, values: Vec::new(), characters }
                }
            };
            return Some(entry);
        }
    }
}

/// The names that the module in `bitcode` refers to by place and length: the blob that is all of a
/// string table's block (`llvm::BitcodeWriter::writeBlob`, LLVM 22). None if there is none.
pub(super) fn string_table(bitcode: &[u8]) -> Option<&[u8]> {
    const STRING_TABLE_BLOCK: u64 = 23;
    const BLOB: u64 = 5;
    // Behind the magic number.
    let mut bits = Bits { bytes: bitcode, at: 32 };
    loop {
        if bits.fixed(2)? != ENTER_BLOCK {
            return None;
        }
        let (number, width, block) = enter(&mut bits)?;
        if number != STRING_TABLE_BLOCK {
            bits.at = block.end * 8;
            continue;
        }
        // An abbreviation of a number and a blob, and the only record.
        let is_abbreviation = bits.fixed(width)? == DEFINE_ABBREVIATION && bits.variable(5)? == 2;
        let is_number = bits.fixed(1)? == 1 && bits.variable(8)? == 1;
        if !is_abbreviation || !is_number || bits.fixed(1)? != 0 || bits.fixed(3)? != BLOB || bits.fixed(width)? != 4 {
            return None;
        }
        let length = usize::try_from(bits.variable(6)?).ok()?;
        bits.align();
        let start = bits.at / 8;
        return bitcode.get(start..start.checked_add(length)?);
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

/// How a record's fields are written.
#[derive(Clone, Copy)]
enum Encoding {
    Literal(u64),
    Fixed(u32),
    Variable(u32),
    Array,
    Char6,
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

/// What LLVM would not write.
#[derive(Debug)]
pub(super) struct NotUnderstood;

/// Reads a record of the form `fields`: its number, and all other values, those of its array among
/// them.
fn values(bits: &mut Bits<'_>, fields: &[Encoding]) -> Option<(u64, Vec<u64>)> {
    let scalar = |bits: &mut Bits<'_>, field: Encoding| match field {
        Encoding::Literal(value) => Some(value),
        Encoding::Fixed(width) => bits.fixed(width),
        Encoding::Variable(width) => bits.variable(width),
        Encoding::Char6 => CHAR6.get(usize::try_from(bits.fixed(6)?).ok()?).map(|c| u64::from(*c)),
        Encoding::Array => None,
    };
    let mut values = Vec::new();
    let mut fields = fields.iter();
    while let Some(field) = fields.next() {
        if let Encoding::Array = field {
            let element = *fields.next()?;
            for _ in 0..bits.variable(6)? {
                // A literal has no bits, and there would be no end of them.
                values.push(if let Encoding::Literal(_) = element { None } else { scalar(bits, element) }?);
            }
        } else {
            values.push(scalar(bits, *field)?);
        }
    }
    let mut all = values.into_iter();
    Some((all.next()?, all.collect()))
}

/// Bitcode for tests.
#[cfg(test)]
pub(super) mod writer {
    use super::*;

    #[derive(Default)]
    pub(in crate::lto) struct Writer(Vec<bool>);

    impl Writer {
        pub(in crate::lto) fn fixed(&mut self, width: u32, value: u64) {
            self.0.extend((0..width).map(|bit| value >> bit & 1 == 1));
        }

        pub(in crate::lto) fn variable(&mut self, width: u32, mut value: u64) {
            let more = 1 << (width - 1);
            while value >= more {
                self.fixed(width, value & (more - 1) | more);
                value >>= width - 1;
            }
            self.fixed(width, value);
        }

        pub(in crate::lto) fn align(&mut self) {
            self.0.resize(self.0.len().next_multiple_of(32), false);
        }

        pub(in crate::lto) fn bytes(&mut self, bytes: &[u8]) {
            bytes.iter().for_each(|byte| self.fixed(8, u64::from(*byte)));
        }

        pub(in crate::lto) fn record(&mut self, code: u64, fields: &[u64]) {
            self.fixed(3, UNABBREVIATED);
            [&[code, fields.len() as u64], fields].concat().iter().for_each(|value| self.variable(6, *value));
        }

        pub(in crate::lto) fn block(&mut self, outer: u32, number: u64, contents: impl FnOnce(&mut Self)) {
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

        /// What was written, as bytes.
        pub(in crate::lto) fn finish(self) -> Vec<u8> {
            self.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
        }
    }
}
