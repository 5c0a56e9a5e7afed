#[test]
fn counts_words() {
    assert_eq!(words::most_frequent("a b a c a"), 3);
    assert_eq!(words::most_frequent(""), 0);
}
