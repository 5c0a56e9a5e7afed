pub fn more() -> &'static str {
    "a second source"
}
