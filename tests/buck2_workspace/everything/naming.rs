//! What the macro is made with.

/// A name in capitals.
pub fn capitals(name: &str) -> String {
    name.to_uppercase()
}
