mod shared;

#[test]
fn two_shares_a_module() {
    assert_eq!(shared::SHARED, 5);
}
