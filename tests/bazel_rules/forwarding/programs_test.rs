use std::process::Command;

fn printed_by(variable: &str) -> String {
    let path = std::env::var(variable).expect("the rule sets it");
    let output = Command::new(&path).output().unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn programs_of_others_are_split() {
    assert_eq!(printed_by("PROGRAM"), "10\n");
}

#[test]
fn programs_of_other_packages_are_split() {
    assert!(std::env::var("ELSEWHERE").is_ok_and(|path| path.ends_with("/elsewhere/moved")));
    assert_eq!(printed_by("ELSEWHERE"), "10\n");
}

#[test]
fn libraries_of_rules_rust_take_part() {
    assert_eq!(printed_by("ON_WRAPPED"), "10\n");
}

#[test]
fn what_cannot_be_split_is_built_all_the_same() {
    assert_eq!(printed_by("OPTIMISED"), "10\n");
    assert_eq!(printed_by("DIAMOND"), "10\n");
    assert_eq!(printed_by("SCRIPTED"), "10\n");
}
