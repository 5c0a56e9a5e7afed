//! A library that knows its crate's name.

/// The crate's name, for C.
#[unsafe(no_mangle)]
pub extern "C" fn place_crate() -> *const std::ffi::c_char {
    const { concat!(env!("CARGO_CRATE_NAME"), " ", module_path!(), "\0") }.as_ptr().cast()
}
