//! The workspace that stands for a user's, which a registry's checks run.

use std::path::Path;

use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::{Failure, repository};

#[test]
fn a_users_workspace_is_analysed() -> Result<(), Failure> {
    for end in End::all() {
        let root = repository().join(Path::new("tests/e2e"));
        let (_, said) = end.prints_in(&root, &["build", "--nobuild", "--@splitlink//rules/bazel:fallback=error", "//..."])?;
        assert!(said.contains("Analyzed 8 targets"), "with {}:\n{said}", end.name);
        end.prints_in(&root, &["shutdown"])?;
    }
    Ok(())
}
