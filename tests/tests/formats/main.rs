//! Dependency formats: in which form, static or dynamic, each crate is linked.

mod errors;
mod rustc_comparison;
mod schemas;
mod special_cases;
