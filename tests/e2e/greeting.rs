//! What all of the workspace says.

/// Greets.
pub fn greeting() -> String {
    "Hello from splitlink".into()
}

#[test]
fn greets() {
    assert!(greeting().starts_with("Hello"));
}
