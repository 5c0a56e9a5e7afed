//! A library.

/// `number` and one.
#[must_use]
pub fn one_more(number: u8) -> u8 {
    number + 1
}
