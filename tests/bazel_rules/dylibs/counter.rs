//! Counts in C, whose counter must be there but once.

unsafe extern "C" {
    fn next_count() -> std::ffi::c_int;
}

pub fn next() -> i32 {
    // SAFETY: it takes nothing and, without threads, races with nothing.
    unsafe { next_count() }
}
