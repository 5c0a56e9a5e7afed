//! The numbers by which the summaries of thin LTO know symbols
//! (`llvm::GlobalValue::getGUIDAssumingExternalLinkage` and `getGlobalIdentifier`, LLVM 22): the first
//! eight bytes of the MD5 digest of a name.

/// The number of the symbol `name`; of one that is local to its module, that module's source file is
/// `local_to`.
pub fn of(name: &str, local_to: Option<&str>) -> u64 {
    // What stands behind this byte is not changed by the target's rules for names.
    let name = name.strip_prefix('\u{1}').unwrap_or(name);
    let whole = match local_to {
        Some(file) => format!("{};{name}", if file.is_empty() { "<unknown>" } else { file }),
        None => name.to_owned(),
    };
    let digest = md5(whole.as_bytes());
    u64::from(digest[0]) | u64::from(digest[1]) << 32
}

/// The MD5 digest of `bytes` (RFC 1321), as the four words that it consists of.
fn md5(bytes: &[u8]) -> [u32; 4] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend((bytes.len() as u64 * 8).to_le_bytes());
    for block in padded.chunks_exact(64) {
        let words: Vec<u32> = block.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mixed, word) = match step / 16 {
                0 => (b & c | !b & d, step),
                1 => (d & b | !d & c, (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), 7 * step % 16),
            };
            let constant = (((step + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(constant).wrapping_add(words[word]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(SHIFTS[step / 16][step % 4])));
        }
        for (state, value) in state.iter_mut().zip([a, b, c, d]) {
            *state = state.wrapping_add(value);
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_the_standard() {
        let hex = |text: &str| {
            md5(text.as_bytes()).iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        // RFC 1321, appendix A.5, and lengths around the end of a block.
        assert_eq!(hex(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        let digits = "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
        assert_eq!(hex(digits), "57edf4a22be3c955ac49da2e2107b67a");
        assert_eq!(hex(&"a".repeat(55)), "ef1772b6dff9a122358552954ad0df65");
        assert_eq!(hex(&"a".repeat(56)), "3b0c8ac703f828b04c6c197006d17218");
        assert_eq!(hex(&"a".repeat(63)), "b06521f39153d618550606be297466d5");
        assert_eq!(hex(&"a".repeat(64)), "014842d480b571495a4a0363793f7367");
    }

    #[test]
    fn numbers_of_symbols() {
        assert_eq!(of("\u{1}f", None), of("f", None));
        assert_ne!(of("f", Some("a.rs")), of("f", None));
        assert_eq!(of("f", Some("")), of("<unknown>;f", None));
    }
}
