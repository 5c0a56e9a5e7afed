#[test]
fn stamps_are_filled_in() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_env-printer")).output().expect("it starts");
    let stamp = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    assert!(stamp.parse::<u64>().is_ok_and(|seconds| seconds > 1_700_000_000), "{stamp}");
}
