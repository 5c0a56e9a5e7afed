//! Dependency formats: in which form, static or dynamic, each crate is linked.

mod contents;
mod errors;
mod rustc_comparison;
mod schemas;
mod special_cases;
