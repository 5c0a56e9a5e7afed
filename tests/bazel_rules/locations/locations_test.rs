//! What the labels in `args`, `env`, `rustc_env` and `rustc_flags` became.

const FOLDER: &str = "tests/bazel_rules/locations/";

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [source, library, data, program] = args.as_slice() else { panic!("four arguments, not {args:?}") };
    assert_eq!(source, &format!("{FOLDER}locations_test.rs"));
    assert!(library.starts_with(FOLDER) && dep::last(library).ends_with(".rlib"), "{library}");
    assert_eq!(data, &format!("{FOLDER}data.txt"));
    assert_eq!(program, &format!("{FOLDER}program"));
    for (variable, file) in [("DATA", "data.txt"), ("PROGRAM", "program")] {
        assert_eq!(std::env::var(variable).expect("it is set"), format!("{FOLDER}{file}"));
    }
    // rules_rust gives rustc an absolute path.
    assert!(env!("COMPILE_ENV").ends_with("/tests/bazel_rules/locations/data.txt"));
    assert!(cfg!(all(from_compile_data, from_data)), "rustc has not read both files of flags");
}
