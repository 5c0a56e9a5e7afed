//! The crates are called as rules_rust's setting says.

mod names {
    include!(env!("NAMES"));
}

#[test]
fn both_are_found() {
    assert_eq!(names::one_more(names::identity!(6)), 7);
}
