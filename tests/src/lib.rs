//! Helpers shared by the tests of this package.
pub mod buck2;
pub mod checkout;
pub mod execution_log;
pub mod formats_graph;
pub mod measure;
pub mod real_programs;
pub mod rustc_fixture;
pub mod watched;
