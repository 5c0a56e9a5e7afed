//! LLVM bitcode.

use splitlink::lto::allocator_shim;
use splitlink::lto::bitcode::{definitions, has_custom_sections, is_bitcode, producer, range, triple, without_summary};

/// Bitcode: it is where it is said to be; who wrote it is read as it was written; an allocator shim
/// under the name of all shims is no longer than it was, and stays what it is then; and so does a
/// module without its summary, which is for the same target.
pub fn bitcode(bytes: &[u8]) {
    if let Some(range) = range(bytes) {
        assert!(is_bitcode(&bytes[range]));
    }
    if let Ok(producer) = producer(bytes) {
        // A character takes at least a bit.
        assert!(producer.chars().count() <= bytes.len() * 8, "{} characters of {} bytes", producer.chars().count(), bytes.len());
    }
    let anonymous = allocator_shim::anonymous(bytes.to_vec());
    assert!(anonymous.len() <= bytes.len(), "{} bytes of {}", anonymous.len(), bytes.len());
    assert_eq!(allocator_shim::anonymous(anonymous.clone()), anonymous);
    if let Ok(without) = without_summary(bytes.to_vec()) {
        assert_eq!((without.len(), triple(&without)), (bytes.len(), triple(bytes)));
        assert_eq!(without_summary(without.clone()).expect("it was understood"), without);
    }
    has_custom_sections(bytes);
    // Each has a record of its own, of more than a byte.
    assert!(definitions(bytes).is_none_or(|names| names.len() <= bytes.len()));
    let Some((&how, text)) = bytes.split_first() else { return };
    let Some(elements) = Elements::chosen(how, text) else { return };
    let text = String::from_utf8_lossy(text);
    assert_eq!(producer(&elements.written(&text)).expect("it was written as LLVM writes it"), text);
}

/// How the characters of the producer's name are written.
enum Elements {
    /// Each with so many bits.
    Fixed(u32),
    /// In LLVM's alphabet.
    Char6,
    /// Each as a number of its own.
    Unabbreviated,
}

const CHAR6: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._";

impl Elements {
    /// One of those in which `text` can be written.
    fn chosen(how: u8, text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        match how % 4 {
            0 if text.is_ascii() => Some(Self::Fixed(7)),
            1 => Some(Self::Fixed(21)),
            2 if text.bytes().all(|byte| CHAR6.contains(&byte)) => Some(Self::Char6),
            3 => Some(Self::Unabbreviated),
            _ => None,
        }
    }

    /// Bitcode that begins as `llvm::BitcodeWriter` has it begin.
    fn written(&self, text: &str) -> Vec<u8> {
        let mut bits = Bits::default();
        b"BC\xc0\xde".iter().for_each(|&byte| bits.fixed(byte.into(), 8));
        // A block of the number 13, whose abbreviations have 5 bits.
        bits.fixed(1, 2);
        bits.variable(13, 8);
        bits.variable(5, 4);
        bits.align();
        bits.fixed(0, 32);
        // An abbreviation for the record of code 1, an array.
        bits.fixed(2, 5);
        bits.variable(3, 5);
        bits.fixed(1, 1);
        bits.variable(1, 8);
        bits.fixed(0, 1);
        bits.fixed(3, 3);
        bits.fixed(0, 1);
        match self {
            Self::Char6 => bits.fixed(4, 3),
            Self::Fixed(width) => {
                bits.fixed(1, 3);
                bits.variable((*width).into(), 5);
            }
            Self::Unabbreviated => {
                bits.fixed(1, 3);
                bits.variable(7, 5);
            }
        }
        let is_abbreviated = !matches!(self, Self::Unabbreviated);
        bits.fixed(if is_abbreviated { 4 } else { 3 }, 5);
        if !is_abbreviated {
            bits.variable(1, 6);
        }
        bits.variable(text.chars().count() as u64, 6);
        for c in text.chars() {
            match self {
                Self::Fixed(width) => bits.fixed(u32::from(c).into(), *width),
                Self::Char6 => bits.fixed(CHAR6.iter().position(|&byte| char::from(byte) == c).expect("it was looked for") as u64, 6),
                Self::Unabbreviated => bits.variable(u32::from(c).into(), 6),
            }
        }
        bits.align();
        bits.bytes
    }
}

/// Bits in the making, the lowest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn fixed(&mut self, value: u64, width: u32) {
        for bit in 0..width {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().expect("one was pushed") |= u8::from(value >> bit & 1 == 1) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A number in chunks of `width` bits, of which the highest says whether another follows.
    fn variable(&mut self, mut value: u64, width: u32) {
        let more = 1 << (width - 1);
        while value >= more {
            self.fixed(value & (more - 1) | more, width);
            value >>= width - 1;
        }
        self.fixed(value, width);
    }

    fn align(&mut self) {
        while !self.count.is_multiple_of(32) {
            self.fixed(0, 1);
        }
    }
}
