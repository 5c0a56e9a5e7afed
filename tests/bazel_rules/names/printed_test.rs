#[test]
fn programs_are_found_by_their_labels() {
    let path = std::env::var("PRINTED").expect("the rule sets it");
    let printed = std::fs::read_to_string(path).expect("it is among the runfiles");
    let names: Vec<_> = printed.lines().filter_map(|line| line.strip_suffix(" has a part")).collect();
    assert_eq!(names, ["hyphen_named", "crate_root", "selected", "grouped_root", "partly_selected"]);
}

#[test]
fn binary_name_names_the_file() {
    let path = std::env::var("PROGRAM").expect("the rule sets it");
    assert!(path.ends_with("/names/called-otherwise"), "{path}");
    assert!(env!("CARGO_BIN_EXE_called-otherwise").ends_with("/names/called-otherwise"));
}
