#[test]
fn programs_are_found_by_their_labels() {
    let path = std::env::var("PRINTED").expect("the rule sets it");
    let printed = std::fs::read_to_string(path).expect("it is among the runfiles");
    assert_eq!(printed, "hyphen_named has a part\ncrate_root has a part\nselected has a part\n");
}

#[test]
fn binary_name_names_the_file() {
    let path = std::env::var("PROGRAM").expect("the rule sets it");
    assert!(path.ends_with("/names/called-otherwise"), "{path}");
    assert!(env!("CARGO_BIN_EXE_called-otherwise").ends_with("/names/called-otherwise"));
}
