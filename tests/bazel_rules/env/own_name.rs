#[test]
fn package_and_crate_are_called_as_the_target() {
    assert_eq!(env!("CARGO_PKG_NAME"), "own-name-test");
    assert_eq!(module_path!(), "own_name_test");
    assert_eq!((env!("EXTRA"), env!("SELECTED")), ("1", "2"));
}
