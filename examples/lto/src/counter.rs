use std::ffi::{CStr, c_char};

/// How often the most frequent word is in `text`.
///
/// # Safety
/// `text` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn most_frequent_word(text: *const c_char) -> usize {
    let text = unsafe { CStr::from_ptr(text) };
    words::most_frequent(&text.to_string_lossy())
}
