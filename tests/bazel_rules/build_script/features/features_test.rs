//! A build script of the split's sees what rules_rust's sees, and what it says counts.

use std::collections::BTreeMap;
use std::process::Command;

fn said_by(variable: &str) -> BTreeMap<String, String> {
    let program = std::env::var(variable).expect("the path of the program");
    let output = Command::new(program).output().expect("the program starts");
    assert!(output.status.success(), "{variable}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| line.split_once(": ").expect("a name and a value")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn all_is_as_with_rules_rust() {
    let (plain, split) = (said_by("PLAIN"), said_by("SPLIT"));
    let in_place = |value: &String| value.replace("/script.splitlink/", "/").replace("/script.out_dir.scratch/program/", "/");
    let split: BTreeMap<_, _> = split.iter().map(|(name, value)| (name.clone(), in_place(value))).collect();
    for name in plain.keys().chain(split.keys()) {
        assert_eq!(plain.get(name), split.get(name), "{name}: rules_rust's on the left");
    }
    for (name, expected) in [
        ("CARGO_FEATURE_SOME_FEATURE", "1"),
        ("CARGO_MANIFEST_LINKS", "features"),
        ("CARGO_PKG_NAME", "features-package"),
        ("CARGO_PKG_VERSION_PRE", "pre"),
        ("DEP_ANSWER_VERSION", "3"),
        ("OF_TOOLCHAIN", "a variable of a toolchain"),
        ("TEXT", "a text"),
        ("a path in rustc-env", "true"),
        ("a second source", "a second source"),
        ("compile_data", "of compile_data"),
        ("data", "of data"),
        ("data by path", "of data"),
        ("deps, renamed", "of the helper's script"),
        ("generated", "8"),
        ("proc_macro_deps", "of the helper's script"),
        ("rundir", "true"),
        ("rustc-cfg", "true true"),
        ("rustc-env", "by the script"),
        ("rustc-link-arg", "true"),
        ("rustc-link-lib", "43"),
        ("rustc_env", "rustc_env"),
        ("rustc_env_files", "of a file"),
        ("rustc_flags", "true"),
        ("the tool", "the tool speaks"),
    ] {
        assert_eq!(split.get(name).map(String::as_str), Some(expected), "{name}");
    }
}
