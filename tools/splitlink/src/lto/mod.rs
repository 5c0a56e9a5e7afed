//! LTO in link-only: where the final set of crates is known, once for each group of crate types whose formats agree.
//! `docs/lto.md` tells it as a whole.
//!
//! [`group`] says which of the artifacts share a run, [`inputs`] gathers the bitcode that takes part and what stays machine code,
//! [`kept`] the symbols that something outside needs. [`thin`] or [`fat`] make objects of that, and the link goes on with these, by
//! whatever linker the plan names.

pub mod bitcode;
pub mod cache;
pub mod fat;
pub mod group;
pub mod inputs;
pub mod kept;
pub mod request;
pub mod thin;

use crate::archive::Archive;
use crate::plan::Item;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How link-time optimisation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Lto {
    /// Not at all.
    Off,
    /// Module by module, with summaries of all others, in parallel and from a cache.
    Thin,
    /// All modules as one.
    Fat,
}

impl Lto {
    /// As rustc spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Thin => "thin",
            Self::Fat => "fat",
        }
    }
}

/// What LTO made, for the links of one group.
#[derive(Debug, Default)]
pub struct Optimised {
    /// The objects, in order.
    pub objects: Vec<PathBuf>,
    /// Archives and objects that had bitcode, each with an archive of what in it has none; none where nothing is left.
    pub natives: HashMap<PathBuf, Option<PathBuf>>,
}

impl Optimised {
    /// What is linked of `path`; none if all of it took part.
    pub fn native<'a>(&'a self, path: &'a Path) -> Option<&'a Path> {
        match self.natives.get(path) {
            Some(native) => native.as_deref(),
            None => Some(path),
        }
    }
}

/// An archive, or an object as if it were one.
pub(crate) fn members(path: &Path) -> anyhow::Result<Arc<Archive>> {
    Ok(Arc::new(Archive::read_or_object(path)?))
}

/// Whether `item` tells a linker how to do LTO, which it is not asked to do here.
pub fn is_for_linkers_own(item: &Item) -> bool {
    matches!(item, Item::TargetFlag { arg } if { let arg = arg.trim_start_matches("-Wl,"); arg.starts_with("-plugin-opt=") || arg.starts_with("--plugin-opt=") })
}
