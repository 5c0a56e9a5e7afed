//! LTO in link-only, where the final set of crates is known, once for each group of crate types
//! whose formats agree. `docs/lto.md` tells it as a whole.
//!
//! [`group`] says which artifacts share a run. [`inputs`] gathers the bitcode that takes part and
//! what stays machine code, [`kept`] the symbols that something outside needs. [`thin`] or [`fat`]
//! make objects of that. The link goes on with these objects, by whatever linker the plan names.

pub mod allocator_shim;
pub mod bitcode;
mod bitstream;
pub(crate) mod cache;
pub(crate) mod fat;
pub(crate) mod group;
pub mod guid;
pub mod index;
pub(crate) mod inputs;
pub(crate) mod kept;
pub mod request;
pub(crate) mod split_debug_info;
pub mod thin;

use crate::files::archive::Archive;
use crate::plan::Item;
use crate::plan::linker_flavor::linker_args;
use anyhow::{Context, bail};
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
    /// Archives and objects that had bitcode, each with what in it has none.
    pub remainders: HashMap<PathBuf, Remainder>,
}

/// What of an archive or object did not take part in LTO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remainder {
    /// Nothing.
    Nothing,
    /// Machine code, which is in this archive.
    Archive(PathBuf),
}

/// The engine where releases and Cargo have it.
pub(crate) fn engine_beside_this_program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the splitlink program itself")?;
    let engine = own.with_file_name(request::ENGINE);
    if !engine.is_file() {
        bail!(
            "LTO needs the program `{}`, and it is not beside splitlink: `{}` does not exist\n  help: say where it is with `--lto-engine`",
            request::ENGINE,
            engine.display()
        );
    }
    Ok(engine)
}

/// An archive, or an object as if it were one.
pub(crate) fn members(path: &Path) -> anyhow::Result<Arc<Archive>> {
    Ok(Arc::new(Archive::read_or_object(path)?))
}

/// Whether `item` tells a linker how to do LTO, which it is not asked to do here.
pub fn is_for_linkers_own(item: &Item) -> bool {
    // The last is of WebAssembly's linker.
    let is_option = |arg: &str| ["-plugin-opt=", "--plugin-opt=", "--lto-O"].iter().any(|option| arg.starts_with(option));
    matches!(item, Item::TargetFlag { arg } if linker_args(arg).next().is_some_and(is_option))
}
