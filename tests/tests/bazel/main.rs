//! The rules for Bazel, under a real Bazel.
//!
//! Tests of one workspace wait for each other at Bazel's own lock, and those that count a worker's
//! processes at [`splitlink_tests::watched`]'s.

mod action_graph;
mod action_inputs;
mod aspect_made;
mod coverage;
mod cross_language;
mod e2e;
mod editors;
mod fallback;
mod hermetic_toolchain;
mod html_report;
mod interfaces;
mod linkage;
mod linker;
mod lto_cache;
mod lto_distributed;
mod lto_flags;
mod path_mapping;
mod real_programs;
mod remote_execution;
mod reproducibility;
mod rule_classes;
mod rules_rust_attributes;
mod rules_rust_settings;
mod run_paths;
mod sbom;
mod sizes;
mod split_debug_info;
mod tool_configuration;
mod toolchain_inputs;
mod worker;
mod worker_faults;
mod worker_kills;
mod wrong_values;
