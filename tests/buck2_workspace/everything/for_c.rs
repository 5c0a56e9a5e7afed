//! What Rust offers to C.

use std::ffi::{CStr, c_char};

/// Twice as often as the most frequent word is in `text`.
///
/// # Safety
/// `text` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn most_frequent_word(text: *const c_char) -> u32 {
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    words::most_frequent(&text.to_string_lossy())
}
