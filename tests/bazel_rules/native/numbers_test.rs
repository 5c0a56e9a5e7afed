#[test]
fn c_libraries_of_every_kind_are_linked() {
    assert_eq!(numbers::numbers(), [1, 11, 1, 23]);
}
