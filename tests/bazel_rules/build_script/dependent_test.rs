#[test]
fn links_c_code_of_a_dependency_s_build_script() {
    assert_eq!(built::ask(), 42);
}

#[test]
fn scripts_see_each_other() {
    assert_eq!(env!("ANSWER_VERSION"), "3");
}
