use std::process::Command;

fn printed(variable: &str) -> String {
    let program = std::env::var(variable).expect(variable);
    let output = Command::new(&program).output().expect(&program);
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn same_however_linked() {
    let expected = "coast: 30000 m\nhills: 12500 m\ntotal: 42500 m\nlongest: 30 km\ndistances made: 2\ncaught: true\n";
    for program in ["DYNAMIC_DEV", "ALWAYS_DYNAMIC"] {
        assert_eq!(printed(program), expected, "{program}");
    }
}
