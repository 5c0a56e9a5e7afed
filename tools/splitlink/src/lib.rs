//! splitlink splits the build of a linked Rust crate into a *no-link* action, which needs only the metadata of
//! its dependencies, and a *link-only* action, which needs neither rustc nor any source.
//!
//! Phases run one way, a module each:
//!
//! | phase | module | reads | writes |
//! |---|---|---|---|
//! | metadata | [`metadata`] | sources, metadata of the dependencies | the crate's `.rmeta` |
//! | codegen | [`codegen`] | the same, and the published `.rmeta` | the crate's rlib |
//! | no-link | [`no_link`] | the same | link plan, modules |
//! | link-only | [`link_only`] | plan, modules, rlibs and dylibs | the linked artifact |
//!
//! In link-only, [`offered`] says in which forms each crate is there, [`formats`] decides, [`link_line`], [`symbols`] and
//! [`metadata_formats`] do what follows from it, and [`report`] and [`dylib_manifest`] write it down.
//!
//! Between no-link and link-only stands the [`plan`], which [`capture`] (rustc's own linker call) and
//! [`classify`] (what each argument of it is) make.
//!
//! The compiling phases also run in a persistent [`worker`], which serves metadata and codegen from one rustc process. It is the only
//! module that knows of a build system, and that only the protocol.

pub mod action;
pub mod archive;
pub mod bundled;
pub mod capture;
pub mod classify;
pub mod cli;
pub mod codegen;
pub mod command;
pub mod crate_listing;
pub mod crates;
pub mod diagnostics;
pub mod dylib_manifest;
pub mod dylib_of;
pub mod explain;
pub mod formats;
mod link_dylibs;
pub mod link_line;
mod link_lto;
pub mod link_only;
pub mod lto;
pub mod metadata;
pub mod metadata_formats;
pub mod no_link;
pub mod offered;
pub mod plan;
pub mod processors;
pub mod report;
pub mod response_file;
pub mod rlib;
pub mod run_path;
pub mod rustc_args;
pub mod scratch;
pub mod shared;
pub mod stand_in;
pub mod std_manifest;
pub mod symbols;
pub mod worker;
