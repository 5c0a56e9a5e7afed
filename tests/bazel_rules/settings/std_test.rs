//! How the standard library is linked.

#[test]
fn as_the_setting_says() {
    let expected = std::env::var("STD").expect("the rule sets it");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the kernel says what is mapped");
    let found = if maps.contains("/libstd-") { "dynamic" } else { "static" };
    assert_eq!(found, expected);
}
