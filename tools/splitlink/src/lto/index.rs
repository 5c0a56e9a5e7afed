//! What the thin link says of the symbols of one module: its index, a file of summaries
//! (`llvm::writeIndexToFile`, LLVM 22).

use super::bitstream::{Entries, Entry};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;

/// What is true of a symbol of a module where the whole program is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Its linkage, as `llvm::GlobalValue::LinkageTypes` counts them.
    pub linkage: u8,
    /// Its visibility, as `llvm::GlobalValue::VisibilityTypes` counts them.
    pub visibility: u8,
    /// Whether anything that is kept leads to it.
    pub is_live: bool,
    /// Whether it is hidden because nothing asks for its address.
    pub can_auto_hide: bool,
}

impl Summary {
    /// As it is written (`getEncodedGVSummaryFlags` of LLVM's `BitcodeWriter.cpp`).
    fn decoded(flags: u64) -> Self {
        Self {
            linkage: (flags & 15) as u8,
            is_live: flags >> 5 & 1 == 1,
            can_auto_hide: flags >> 7 & 1 == 1,
            visibility: (flags >> 8 & 3) as u8,
        }
    }

    /// Whether it is local to its module.
    pub fn is_local(&self) -> bool {
        matches!(self.linkage, INTERNAL | PRIVATE)
    }
}

/// Linkages, as `llvm::GlobalValue::LinkageTypes` counts them (LLVM 22).
pub const AVAILABLE_EXTERNALLY: u8 = 1;
/// Defined by this module and another, of which one is taken; they are the same.
pub const WEAK_ODR: u8 = 5;
const INTERNAL: u8 = 7;
const PRIVATE: u8 = 8;

/// The version of the records that are read here (`ModuleSummaryIndex::BitcodeSummaryVersion`), that
/// of LLVM 22. Older ones write a symbol's number differently.
const VERSION: u64 = 12;

/// The summaries of the symbols of `module` in the index `bytes`, by the symbols' numbers
/// ([`super::guid`]).
///
/// # Errors
/// If it is no index, one of `module` not at all, or of an LLVM that writes it differently.
pub fn summaries(bytes: &[u8], module: &str) -> Result<HashMap<u64, Summary>> {
    const MODULES_BLOCK: u64 = 19;
    const SUMMARIES_BLOCK: u64 = 20;
    let broken = || "it is not written as LLVM writes the index of thin LTO\n  help: was the file truncated or exchanged? make it again";
    let (_, mut outer) = Entries::of_module(bytes).with_context(broken)?;
    let (mut own, mut found) = (None, None);
    loop {
        let (number, at) = match outer.next().with_context(broken)? {
            Entry::End => break,
            Entry::Block { number, number_at } => (number, number_at),
            Entry::Record { .. } => continue,
        };
        if number == MODULES_BLOCK {
            own = number_of(outer.of_block(at).with_context(broken)?, module).with_context(broken)?;
        } else if number == SUMMARIES_BLOCK {
            let Some(own) = own else {
                bail!("it is no index of the module `{module}`\n  help: was it exchanged for another module's? make it again");
            };
            found = Some(of_block(outer.of_block(at).with_context(broken)?, own)?);
        }
    }
    found.flatten().with_context(broken)
}

/// By which number an index knows `module`; none within if it does not, none at all if its block
/// cannot be understood.
fn number_of(mut entries: Entries<'_>, module: &str) -> Option<Option<u64>> {
    const MODULE: u64 = 1;
    let mut found = None;
    while let Some((code, values)) = entries.next_values().ok()? {
        if let (MODULE, [number, name @ ..]) = (code, values.as_slice())
            && name.iter().copied().eq(module.bytes().map(u64::from))
        {
            found = Some(*number);
        }
    }
    Some(found)
}

/// The summaries of the module `own`; none if the block cannot be understood.
fn of_block(mut entries: Entries<'_>, own: u64) -> Result<Option<HashMap<u64, Summary>>> {
    // As `llvm::bitc::GlobalValueSummarySymtabCodes` counts them.
    const FUNCTION: u64 = 4;
    const FUNCTION_WITH_PROFILE: u64 = 5;
    const VARIABLE: u64 = 6;
    const ALIAS: u64 = 8;
    const VERSION_OF_RECORDS: u64 = 10;
    const NUMBER: u64 = 16;
    let mut numbers: HashMap<u64, u64> = HashMap::new();
    let mut found = HashMap::new();
    loop {
        let Ok(next) = entries.next_values() else { return Ok(None) };
        let Some((code, values)) = next else { return Ok(Some(found)) };
        match (code, values.as_slice()) {
            (VERSION_OF_RECORDS, [version, ..]) if *version != VERSION => {
                bail!(
                    "it is of version {version}, and this program reads version {VERSION}, as LLVM 22 writes it\n  \
                     help: use a Rust toolchain with that LLVM (1.94 to 1.97), or leave distributed thin LTO off"
                );
            }
            (NUMBER, [id, high, low]) => {
                numbers.insert(*id, high << 32 | low);
            }
            (FUNCTION | FUNCTION_WITH_PROFILE | VARIABLE | ALIAS, [id, module, flags, ..]) if *module == own => {
                let Some(number) = numbers.get(id) else { return Ok(None) };
                found.insert(*number, Summary::decoded(*flags));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bitstream::MODULE_BLOCK;
    use super::super::bitstream::writer::Writer;
    use super::*;

    /// An index of the modules `own.bc` and `other.bc`.
    fn index(version: u64, flags: u64) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.bytes(b"BC\xc0\xde");
        writer.block(2, MODULE_BLOCK, |block| {
            block.record(1, &[2]);
            block.block(3, 19, |block| {
                for (number, name) in ["other.bc", "own.bc"].iter().enumerate() {
                    block.record(1, &[&[number as u64][..], &name.bytes().map(u64::from).collect::<Vec<_>>()].concat());
                    block.record(3, &[1, 2, 3, 4, 5]);
                }
            });
            block.block(3, 20, |block| {
                block.record(10, &[version]);
                block.record(20, &[1121]);
                for (id, low) in [(1, 11), (2, 22), (3, 33)] {
                    block.record(16, &[id, 7, low]);
                }
                block.record(5, &[1, 0, 32, 5, 69, 0]);
                block.record(6, &[2, 1, flags, 0]);
                block.record(8, &[3, 1, 0x2a0 | 5, 2]);
            });
        });
        writer.finish()
    }

    #[test]
    fn symbols_of_one_module() {
        let found = summaries(&index(12, 103), "own.bc").unwrap();
        let number = |low: u64| 7 << 32 | low;
        let variable = Summary { linkage: 7, visibility: 0, is_live: true, can_auto_hide: false };
        let alias = Summary { linkage: 5, visibility: 2, is_live: true, can_auto_hide: true };
        assert_eq!(found, HashMap::from([(number(22), variable), (number(33), alias)]));
        assert!(variable.is_local() && !alias.is_local());
        assert!(!summaries(&index(12, 7), "own.bc").unwrap()[&number(22)].is_live);
        assert_eq!(summaries(&index(12, 7), "other.bc").unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_index_of_the_module() {
        let whole = index(12, 7);
        let error = |bytes: &[u8], module: &str| summaries(bytes, module).unwrap_err().to_string();
        assert!(error(&whole, "third.bc").contains("no index of the module `third.bc`"));
        assert!(error(&index(13, 7), "own.bc").contains("it is of version 13, and this program reads version 12"));
        for end in 0..whole.len() {
            assert!(summaries(&whole[..end], "own.bc").is_err(), "{end}");
        }
        // Whatever is in it, it ends.
        for bit in 0..whole.len() * 8 {
            let mut other = whole.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let _ = summaries(&other, "own.bc");
        }
    }
}
