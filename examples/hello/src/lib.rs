//! Says hello.

/// The greeting for `name`.
pub fn greeting(name: &str) -> String {
    format!("Hello, {name}!")
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_whom_it_greets() {
        assert_eq!(super::greeting("Bazel"), "Hello, Bazel!");
    }
}
