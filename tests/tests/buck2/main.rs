//! The rules for Buck2, under a real Buck2 where there is one.

mod attributes;
mod bazel_comparison;
mod crate_types;
mod linker;
mod lto_distributed;
mod real_programs;
mod remote_execution;
mod rules;
mod sbom;
mod shared_rustc;
mod split_debug_info;
mod toolchains;
