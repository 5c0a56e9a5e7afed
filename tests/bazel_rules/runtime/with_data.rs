/// Reads a file that comes with the library, from the runfiles.
pub fn of_library() -> String {
    std::fs::read_to_string("tests/bazel_rules/runtime/of_library.txt").expect("the library's data is among the runfiles")
}
