//! A greeting for C to print.

use std::ffi::{CStr, CString, c_char};

/// Makes the greeting for `name`, to be given back to `greeting_free`.
///
/// # Safety
///
/// `name` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn greeting_new(name: *const c_char) -> *mut c_char {
    // SAFETY: as the caller promises.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    CString::new(format!("Hello, {name}!")).expect("a C string has no NUL inside").into_raw()
}

/// Frees a greeting.
///
/// # Safety
///
/// `greeting` came from `greeting_new` and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn greeting_free(greeting: *mut c_char) {
    // SAFETY: as the caller promises.
    drop(unsafe { CString::from_raw(greeting) });
}
