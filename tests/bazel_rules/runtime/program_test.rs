use std::process::Command;

#[test]
fn runs_with_the_program_s_data() {
    let output = Command::new(env!("CARGO_BIN_EXE_program")).arg("tests/bazel_rules/runtime/of_test.txt").output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nameless: of the test / of the library\n");
}
