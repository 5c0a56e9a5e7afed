use std::{env, fs};

fn main() {
    println!("{}", message(&env::args().nth(1).expect("one argument")));
}

fn message(path: &str) -> String {
    let name = env::var("NAME").unwrap_or_else(|_| "nameless".to_owned());
    let text = fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
    format!("{name}: {} / {}", text.trim_end(), with_data::of_library().trim_end())
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_the_program_s_data() {
        assert_eq!(super::message("tests/bazel_rules/runtime/of_test.txt"), "nameless: of the test / of the library");
    }
}
