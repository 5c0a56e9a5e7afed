//! Files on disk: archives and rlibs, the names of crates' files, and how an action's outputs get
//! into place.

pub mod archive;
pub(crate) mod bundled;
pub(crate) mod carrier;
pub(crate) mod coff;
pub(crate) mod crates;
pub(crate) mod definitions;
pub(crate) mod exchange;
pub(crate) mod link_to_self;
pub(crate) mod listing;
pub(crate) mod mach_o;
pub(crate) mod object_symbols;
pub(crate) mod open_files;
pub(crate) mod paths;
pub(crate) mod private;
pub mod rlib;
pub mod run_time;
pub(crate) mod scratch;
pub(crate) mod trusted_dir;
pub(crate) mod wasm;
