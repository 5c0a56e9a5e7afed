unsafe extern "C" {
    safe fn exported_ten() -> u32;
}

#[test]
fn a_cdylib_is_a_native_library() {
    assert_eq!(exported_ten(), 10);
}
