//! Numbers for C, by way of Rust.

/// The sum of all numbers.
#[unsafe(no_mangle)]
pub extern "C" fn sum_of_numbers() -> i32 {
    numbers::numbers().iter().sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds_them_up() {
        assert_eq!(super::sum_of_numbers(), 36);
    }
}
