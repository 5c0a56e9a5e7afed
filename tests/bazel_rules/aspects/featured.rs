//! A library that wants its feature, its flag and its macro.

#[cfg(not(all(feature = "asked", flagged)))]
compile_error!("feature or flag missing");

/// Seven.
#[must_use]
pub fn seven() -> u8 {
    macros::same!(7)
}

#[cfg(test)]
mod tests {
    #[test]
    fn seven() {
        assert_eq!(super::seven(), 7);
    }
}
