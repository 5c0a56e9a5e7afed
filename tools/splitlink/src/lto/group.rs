//! Which artifacts share one run of LTO: those whose crates are linked in the same way, and that
//! keep symbols of the same level.
//!
//! rustc runs LTO once for all crate types, with the weakest threshold among them
//! (`rustc_codegen_ssa::back::symbol_export::crates_export_threshold`, 1.95). A dylib beside a
//! cdylib then keeps the cdylib's Rust symbols from becoming local. Where std is inside one and
//! outside the other, no single run serves both.

use crate::formats::Linkage;
use crate::plan::crate_type::{CrateType, Threshold};

/// What makes artifacts share a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key<'a> {
    /// The crates that are linked statically, and so take part, in order.
    pub crates: Vec<&'a str>,
    /// The crates that the artifact finds elsewhere.
    pub outside: Vec<&'a str>,
    /// Which symbols are kept.
    pub threshold: Threshold,
}

impl<'a> Key<'a> {
    /// The key of a crate type under formats.
    pub fn new(crate_type: CrateType, formats: impl Iterator<Item = (&'a str, Linkage)>) -> Self {
        let mut key = Self { crates: Vec::new(), outside: Vec::new(), threshold: crate_type.threshold() };
        for (id, linkage) in formats {
            match linkage {
                Linkage::Static => key.crates.push(id),
                Linkage::Dynamic | Linkage::IncludedFromDylib => key.outside.push(id),
                Linkage::NotLinked => {}
            }
        }
        // The order of the line says nothing about what takes part.
        key.crates.sort_unstable();
        key.outside.sort_unstable();
        key
    }
}

/// Puts equal keys together: for each group the places of its members, in order of the first.
pub fn grouped(keys: &[Key<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        match groups.iter_mut().find(|group| keys[group[0]] == *key) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use Linkage::{Dynamic, NotLinked, Static};

    #[test]
    fn equal_formats_and_threshold() {
        let inside = [("dep", Static), ("std", Static), ("macros", NotLinked)];
        let otherwise_ordered = [("std", Static), ("dep", Static)];
        let outside = [("dep", Static), ("std", Dynamic)];
        let table: &[(&str, &[(&str, Linkage)])] = &[
            ("staticlib", &inside),
            ("dylib", &outside),
            ("cdylib", &otherwise_ordered),
            ("bin", &inside),
            ("dylib", &inside),
            ("cdylib", &outside),
        ];
        let keys: Vec<_> =
            table.iter().map(|(crate_type, formats)| Key::new(crate_type.parse().unwrap(), formats.iter().copied())).collect();
        assert_eq!(grouped(&keys), [vec![0, 2, 3], vec![1], vec![4], vec![5]]);
    }
}
