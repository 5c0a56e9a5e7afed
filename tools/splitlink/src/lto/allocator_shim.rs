//! The bitcode of rustc's allocator shim, the same for all crates.
//!
//! Each linked crate has a shim of its own. Those of two crates do the same and differ in their
//! module's name, which rustc makes of the crate's, and in a hash of the module. Whatever allocates
//! imports functions of the shim, so by these two alone what thin LTO makes of the standard library
//! would be another for each crate. No shim has what they are for: local symbols, whose names are
//! made unique by them.

use super::bitstream::{END_BLOCK, Entries, Entry, Place, set_bits};
use std::ops::Range;

/// The name that every shim gets, cut or filled up to the length of its own.
const NAME: &[u8] = b"allocator_shim";

/// The numbers of records of LLVM's module block (LLVM 22).
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

/// What is looked for in bitcode.
struct Module {
    /// The characters of the module's name.
    name: Vec<Place>,
    /// The number with which the record of the hash begins.
    hash: Place,
    /// The bytes of the module's block, behind its length.
    block: Range<usize>,
}

/// Finds the module; none if that cannot be understood.
fn module(bitcode: &[u8]) -> Option<Module> {
    let (block, mut entries) = Entries::of_module(bitcode)?;
    let mut name = Vec::new();
    let hash = loop {
        match entries.next()? {
            Entry::End => return None,
            Entry::Record { at, code: HASH, .. } => break Place { at, width: entries.width, is_char6: false },
            Entry::Record { code: SOURCE_FILENAME, characters, .. } => name = characters,
            Entry::Record { .. } | Entry::Block { .. } => {}
        }
    };
    let is_last = matches!(entries.next()?, Entry::End);
    (is_last && !name.is_empty()).then_some(Module { name, hash, block })
}

#[cfg(test)]
mod tests {
    use super::super::bitstream::{CHAR6, DEFINE_ABBREVIATION, MODULE_BLOCK, writer::Writer};
    use super::*;

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
        writer.finish()
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
