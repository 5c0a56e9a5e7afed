#[test]
fn linker_scripts_are_read() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_scripted")).output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "234 678\n");
}
