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
    let [first @ .., _, _, _, _, _, _, _, _] = md5::compute(whole).0;
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_symbols() {
        // RFC 1321, appendix A.5: the digest begins with f9 6b 69 7d 7c b7 93 8d.
        assert_eq!(of("message digest", None), 0x8d93_b77c_7d69_6bf9);
        assert_eq!(of("\u{1}f", None), of("f", None));
        assert_ne!(of("f", Some("a.rs")), of("f", None));
        assert_eq!(of("f", Some("")), of("<unknown>;f", None));
    }
}
