//! Helpers shared by the tests of this package.
pub mod browser;
pub mod buck2;
pub mod checkout;
pub mod execution_log;
pub mod formats_graph;
pub mod importing_crates;
pub mod interface_proofs;
pub mod invariants;
pub mod kills;
pub mod pip;
pub mod real_programs;
pub mod remote_executor;
pub mod remote_traffic;
pub mod rules_rust;
pub mod rustc_fixture;
pub mod watched;
pub mod zig;
