mod shared;

#[test]
fn one_shares_a_module() {
    assert_eq!(shared::SHARED, 5);
}
