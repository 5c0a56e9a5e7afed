//! The greeting's length, for C.

#[unsafe(no_mangle)]
pub extern "C" fn greeting_length() -> usize {
    greeting::greeting().len()
}
