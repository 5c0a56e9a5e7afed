//! Prints the checksum of its argument, which C computes.

unsafe extern "C" {
    fn checksum(bytes: *const u8, size: usize) -> u32;
}

fn checksum_of(bytes: &[u8]) -> u32 {
    // SAFETY: the pointer and size are of one slice, which C only reads.
    unsafe { checksum(bytes.as_ptr(), bytes.len()) }
}

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    println!("{}", checksum_of(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    #[test]
    fn sums_bytes() {
        assert_eq!(super::checksum_of(&[1, 2, 3]), 6);
    }
}
