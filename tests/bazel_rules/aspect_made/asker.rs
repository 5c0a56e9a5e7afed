//! Uses a crate that an aspect generated.

pub fn ask() -> i32 {
    answer::number()
}

#[test]
fn the_answer_is_there() {
    assert_eq!(ask(), 42);
}
