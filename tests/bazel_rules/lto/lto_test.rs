#[test]
fn allocates_and_panics() {
    assert_eq!(table::table().iter().sum::<u32>(), 140);
    assert!(std::panic::catch_unwind(|| table::table()[99]).is_err());
}
