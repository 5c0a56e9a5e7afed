#[test]
fn counts_words_of_c() {
    assert_eq!(unsafe { static_counter::most_frequent_word(c"a b a c a".as_ptr()) }, 3);
}
