#[test]
fn crates_of_a_group_are_there() {
    assert_eq!((leaf::three(), branch::ten(), seven::seven!()), (3, 10, 7));
}
