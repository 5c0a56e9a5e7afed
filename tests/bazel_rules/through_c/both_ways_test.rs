//! Whether there is one counter.

use std::process::Command;

#[test]
fn one_counter() {
    let output = Command::new("tests/bazel_rules/through_c/both_ways").output().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 20 3\n");
}
