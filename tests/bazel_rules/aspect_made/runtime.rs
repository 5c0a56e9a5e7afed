//! What generated crates use.

pub use below::Number;

pub fn wrap(number: i32) -> Number {
    Number(number)
}
