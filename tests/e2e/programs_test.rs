use std::process::Command;

#[test]
fn every_link_says_the_same() {
    let programs = std::env::var("PROGRAMS").expect("the BUILD file says where they are");
    assert_eq!(programs.split(' ').count(), 3);
    for program in programs.split(' ') {
        let output = Command::new(program).output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello from splitlink\n", "{program}");
    }
}
