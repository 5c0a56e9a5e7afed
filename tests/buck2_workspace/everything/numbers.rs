//! Numbers, of which one comes from C; there is one counter for each copy of this crate.

use std::cell::Cell;

unsafe extern "C" {
    fn c_twice(value: u32) -> u32;
}

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

pub fn twice(value: u32) -> u32 {
    COUNT.set(COUNT.get() + 1);
    // SAFETY: C takes and gives a number.
    unsafe { c_twice(value) }
}

pub fn count() -> u32 {
    COUNT.get()
}
