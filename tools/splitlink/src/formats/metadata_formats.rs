//! The dependency formats in the metadata of a crate of the type `dylib`.
//!
//! rustc writes them while it compiles, when all is static, and plain rustc reads them where the
//! dylib is used. So link-only writes what it has decided in their place.
//!
//! Metadata is not parsed for that. rustc is asked which crates it lists. The list is looked for
//! behind the name of the last of them, where it must be exactly once
//! (`rustc_metadata::rmeta::encoder::EncodeContext::encode_crate_root`, 1.95: the dependencies,
//! then their formats).

use super::Linkage;
use crate::plan::MetadataFormats;
use anyhow::{Result, bail};
use std::collections::HashMap;

/// A list of formats as rustc encodes it: for each crate an option of two cases.
pub(crate) fn encoded(formats: impl Iterator<Item = Option<bool>>) -> Vec<u8> {
    formats.flat_map(|is_static| is_static.map_or(vec![0], |is_static| vec![1, u8::from(is_static)])).collect()
}

/// Writes the formats `linkage` into the metadata object `object`; a crate that it does not name is
/// not linked.
///
/// # Errors
/// If `at` is not where rustc wrote them.
pub fn write(object: &mut [u8], at: &MetadataFormats, linkage: &HashMap<&str, Linkage>) -> Result<()> {
    let formats = at.crates.iter().map(|id| match linkage.get(id.as_str()) {
        Some(Linkage::Static) => Some(true),
        Some(Linkage::Dynamic) => Some(false),
        Some(Linkage::IncludedFromDylib | Linkage::NotLinked) | None => None,
    });
    let new = encoded(formats);
    let old = usize::try_from(at.offset).ok().and_then(|at| object.get_mut(at..)).and_then(|rest| {
        let mut len = 0;
        for _ in &at.crates {
            len += if *rest.get(len)? == 0 { 1 } else { 2 };
        }
        rest.get_mut(..len)
    });
    // rustc reads one after the other, so that what is left over behind a shorter list plays no
    // part.
    match old.and_then(|old| old.get_mut(..new.len())) {
        Some(old) => old.copy_from_slice(&new),
        None => bail!(
            "the plan does not fit the module of the crate's metadata\n  help: plan and modules must come from the same no-link action"
        ),
    }
    Ok(())
}
