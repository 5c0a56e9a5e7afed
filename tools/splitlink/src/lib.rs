//! splitlink splits the build of a linked Rust crate into two actions: *no-link*, which needs only
//! the metadata of its dependencies, and *link-only*, which needs neither rustc nor any source.
//!
//! The phases run one way, each in a module of its own:
//!
//! | phase | module | reads | writes |
//! |---|---|---|---|
//! | metadata | `compile::metadata` | sources, metadata of the dependencies | the crate's `.rmeta` |
//! | codegen | `compile::codegen` | the same, and the published `.rmeta` | the crate's rlib |
//! | no-link | `no_link` | sources, metadata of the dependencies | link plan, modules |
//! | link-only | `link_only` | plan, modules, rlibs and dylibs | the linked artifact |
//!
//! Between no-link and link-only stands the [`plan`]. `no_link::capture` records rustc's own linker
//! call, and `no_link::classify` says what each argument of it is.
//!
//! In link-only, [`formats`] decides in which form each crate is linked, and [`lto`] optimises what
//! is linked as a whole.
//!
//! Debug information that compiling has put beside objects is packed by `debug_info`, `sbom` writes a
//! bill of materials, and `sizes` tells what is in a linked artifact, for whoever asks.
//!
//! `report_page` makes a page for people of what link-only has decided.
//!
//! The compiling phases also run in a persistent [`worker`], which serves metadata and codegen from
//! one rustc process. `shared` does the same for a build system that has no workers. Only these two
//! know of a build system: `worker` of Bazel's protocol, `shared` of which calls belong to one
//! build.
//!
//! Imports run down this list only: `cli`; `no_link`, `report_page`; `compile`, `debug_info`,
//! `link_only`, `run`, `sbom`, `sizes`; `shared`, `lto`; `worker`, `formats`, `interface`; `rustc`,
//! `files`, `plan`.

pub mod cli;
mod compile;
mod debug_info;
pub mod files;
pub mod formats;
pub mod interface;
mod link_only;
pub mod lto;
mod no_link;
pub mod plan;
mod report_page;
mod run;
pub mod rustc;
mod sbom;
mod shared;
pub mod sizes;
pub mod worker;
