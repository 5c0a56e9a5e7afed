//! Numbers that C libraries of every kind know.

use std::ffi::c_int;

mod c {
    use super::c_int;

    unsafe extern "C" {
        pub safe fn first_one() -> c_int;
        pub safe fn second_one() -> c_int;
        pub safe fn shared_number() -> c_int;
        pub static registered: c_int;
    }
}

/// Two libraries of one name, one linked whole, and a shared one.
pub fn numbers() -> [c_int; 4] {
    // SAFETY: it is written once, before main.
    let registered = unsafe { c::registered };
    [c::first_one(), c::second_one(), registered, c::shared_number()]
}
