//! Link-time optimisation, thin and fat, without a build system.

mod audit_data;
mod cache;
mod cache_faults;
mod cross_language;
mod data_sections;
mod distributed;
mod distributed_faults;
mod long_names;
mod native_inputs;
mod no_core;
mod rustc_comparison;
mod sizes;
mod split_debug_info;
mod thin_and_fat;
mod webassembly;
