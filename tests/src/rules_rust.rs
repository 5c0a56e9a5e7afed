//! The two ends of the versions of rules_rust with which the rules for Bazel are tested.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::real_programs::cache;
use crate::rustc_fixture::tools::repository;
use anyhow::{Result, ensure};

/// A variable that names a checkout of the newest rules_rust.
const NEWEST: &str = "SPLITLINK_NEWEST_RULES_RUST";

/// A version of rules_rust.
#[derive(Debug)]
pub struct End {
    /// What messages call it.
    pub name: &'static str,
    /// Its checkout; none for the one that `dev/bazel` installs.
    checkout: Option<PathBuf>,
}

impl End {
    /// The one that `dev/bazel` installs, 0.54.1.
    pub const OLDEST: Self = Self { name: "the oldest rules_rust", checkout: None };

    /// The oldest and, where its checkout is named, the newest. A test that goes without says so.
    pub fn all() -> Vec<Self> {
        let mut ends = vec![Self::OLDEST];
        match std::env::var_os(NEWEST) {
            Some(checkout) => ends.push(Self { name: "the newest rules_rust", checkout: Some(checkout.into()) }),
            None => eprintln!("SKIPPED with the newest rules_rust: set {NEWEST} to a checkout of it"),
        }
        ends
    }

    /// Whether it is the one that `dev/bazel` installs.
    pub fn is_oldest(&self) -> bool {
        self.checkout.is_none()
    }

    /// `dev/bazel` in this repository, with this rules_rust.
    ///
    /// # Errors
    /// If the folder for its outputs cannot be named.
    pub fn bazel(&self) -> Result<Command> {
        self.bazel_in(repository())
    }

    /// `dev/bazel` in the workspace `root`, with this rules_rust.
    ///
    /// # Errors
    /// If the folder for its outputs cannot be named.
    pub fn bazel_in(&self, root: &Path) -> Result<Command> {
        let mut command = Command::new(repository().join("dev/bazel"));
        command.current_dir(root).env_remove("SPLITLINK_RULES_RUST");
        if let Some(checkout) = &self.checkout {
            // Two in one output base would have Bazel analyse all anew each time.
            let base = cache()?.join("newest_rules_rust").join(root.to_string_lossy().replace('/', "_"));
            command.env("SPLITLINK_RULES_RUST", checkout).arg(format!("--output_base={}", base.display()));
        }
        Ok(command)
    }

    /// What a Bazel command prints, on standard output and then on standard error.
    ///
    /// # Errors
    /// If it fails.
    pub fn prints(&self, args: &[&str]) -> Result<(String, String)> {
        self.prints_in(repository(), args)
    }

    /// What a Bazel command prints in the workspace `root`, on standard output and then on standard
    /// error.
    ///
    /// # Errors
    /// If it fails.
    pub fn prints_in(&self, root: &Path, args: &[&str]) -> Result<(String, String)> {
        let output = self.bazel_in(root)?.args(args).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "with {}, bazel {args:?} failed:\n{said}", self.name);
        Ok((String::from_utf8(output.stdout)?, said))
    }
}
