//! Published command-line programs, built from the sources on crates.io by Bazel and by Cargo.
//!
//! [`Workspace::generate`] downloads the sources (through Cargo), writes BUILD files for their
//! locked dependencies with cargo-bazel and for the programs themselves from `cargo metadata`, all
//! in a scratch folder of the cache. Each program has a target for each of [`Rules`].

pub mod buck2_files;
mod build_file;
mod cargo_bazel;
pub mod cargo_build;
mod command;
mod command_lines;
pub mod sources;
mod workspace;

use command::host_triple;
pub use command_lines::{COMMAND_LINES, CommandLine, Outcome, write_tree};
pub(crate) use workspace::write_changed;
pub use workspace::{Tool, Workspace, cache};

/// The `GIT_DIR` of build scripts: programs put the commit that they are built from into their
/// version, and the folders where Cargo and Bazel run their build scripts may or may not lie in a
/// repository.
const NO_GIT_DIR: &str = "none";

/// A program published on crates.io with its `Cargo.lock`.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Package name on crates.io; also the Bazel package.
    pub package: &'static str,
    /// Exact version.
    pub version: &'static str,
    /// The binary target that is built.
    pub bin: &'static str,
    /// Features that the scratch copy's manifest turns on by default, for Cargo and Bazel alike.
    pub features: &'static [&'static str],
}

/// Whose `rust_binary` links a program. Everything else, the libraries' targets included, is the
/// same for all, so builds compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// splitlink's.
    Splitlink,
    /// rules_rust's own.
    RulesRust,
}

impl Rules {
    const ALL: [Rules; 2] = [Rules::Splitlink, Rules::RulesRust];

    fn bzl(self) -> &'static str {
        match self {
            Rules::Splitlink => "@splitlink//rules/bazel:defs.bzl",
            Rules::RulesRust => "@rules_rust//rust:defs.bzl",
        }
    }

    /// What `rust_binary` is called in the programs' BUILD files, which load both.
    fn rule(self) -> &'static str {
        match self {
            Rules::Splitlink => "rust_binary",
            Rules::RulesRust => "rules_rust_binary",
        }
    }
}

impl Program {
    /// The name of the program's target.
    fn target(&self, rules: Rules) -> String {
        match rules {
            Rules::Splitlink => self.bin.to_owned(),
            Rules::RulesRust => format!("{}_by_rules_rust", self.bin),
        }
    }

    /// The Bazel label of the program's target.
    pub fn label(&self, rules: Rules) -> String {
        format!("//{}:{}", self.package, self.target(rules))
    }
}

/// A search tool: a threaded program with build scripts, and C code (PCRE2) that a build script
/// compiles.
pub const RIPGREP: Program = Program { package: "ripgrep", version: "15.2.0", bin: "rg", features: &["pcre2"] };

/// A benchmarking tool: derive macros, and a build script that shares modules with the program.
pub const HYPERFINE: Program = Program { package: "hyperfine", version: "1.20.0", bin: "hyperfine", features: &[] };

/// An HTTP client, of 222 crates; 44 of them are what its build script depends on.
pub const XH: Program = Program { package: "xh", version: "0.24.1", bin: "xh", features: &[] };

/// The programs that are measured.
pub const MEASURED: &[Program] = &[RIPGREP, HYPERFINE, XH];

/// A Git client, of 60 crates that are developed together and about 120 others.
pub const GITOXIDE: Program = Program { package: "gitoxide", version: "0.61.0", bin: "gix", features: &["small"] };

/// The programs that the end-to-end test builds: together over 80 crates.
pub const PROGRAMS: &[Program] = &[RIPGREP, HYPERFINE];
