//! A program that reaches Rust by way of C.

unsafe extern "C" {
    safe fn middle_count() -> i32;
}

#[test]
fn counts() {
    assert_eq!([middle_count(), middle_count()], [10, 20]);
}
