#[test]
fn is_known_by_its_alias() {
    assert_eq!(other_name::NAME, "renamed");
}
