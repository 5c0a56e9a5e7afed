//! A library for C.

/// Seven.
#[unsafe(no_mangle)]
pub extern "C" fn shared_seven() -> u8 {
    featured::seven()
}
