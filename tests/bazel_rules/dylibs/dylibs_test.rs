#[test]
fn one_counter() {
    assert_eq!(counter::next(), 1);
    assert_eq!(twice::next(), (2, 3));
    assert_eq!(counter::next(), 4);
}

#[test]
fn standard_library_is_shared() {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    for library in ["/libstd-", "/libtwice-"] {
        assert!(maps.contains(library), "{library} is not loaded:\n{maps}");
    }
}
