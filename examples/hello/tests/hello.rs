use std::process::Command;

#[test]
fn greets_its_argument() {
    let output = Command::new(env!("CARGO_BIN_EXE_hello")).arg("Bazel").output().expect("hello starts");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello, Bazel!\n");
}
