//! A target that the split cannot build is said once, with what to do, or is an error. What depends
//! on it is not said, too.

use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::Failure;

/// A target, and what is said of it: the first above the crate that the split cannot build.
const TARGETS: [(&str, &str); 2] = [
    (
        "//tests/bazel_rules/forwarding:optimised_on_wrapped",
        "splitlink: rules_rust builds //tests/bazel_rules/forwarding:on_wrapped and what depends on it, because it depends on libleaf-",
    ),
    // The program that depends on the build script is split.
    (
        "//tests/bazel_rules/forwarding:scripted_on_wrapped",
        "splitlink: rules_rust builds the build script //tests/bazel_rules/forwarding:script_on_wrapped, because it depends on libleaf-",
    ),
];

#[test]
fn is_said_once_or_an_error() -> Result<(), Failure> {
    for end in End::all() {
        for (target, expected) in TARGETS {
            for (mode, succeeds) in [("warn", true), ("error", false)] {
                // A flag of this run's own: what Bazel has analysed before, it says nothing of.
                let unique = format!("--define=asked_by={}_{mode}", std::process::id());
                let output =
                    end.bazel()?.args(["build", "--nobuild", &unique, &format!("--//rules/bazel:fallback={mode}"), target]).output()?;
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.success(), succeeds, "with {}, {mode}:\n{said}", end.name);
                for text in [expected, "help: "] {
                    assert_eq!(said.matches(text).count(), 1, "with {}, {mode} does not say `{text}` once:\n{said}", end.name);
                }
            }
        }
    }
    Ok(())
}
