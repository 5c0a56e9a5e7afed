use std::ffi::{CStr, CString, c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

const RTLD_NOW: c_int = 2;

#[test]
fn the_proc_macro_loads() {
    let path = CString::new(std::env::var("PROC_MACRO").expect("PROC_MACRO")).expect("no NUL");
    // SAFETY: the path is a plain string, and the macro runs nothing when it is loaded.
    unsafe {
        let library = dlopen(path.as_ptr(), RTLD_NOW);
        assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
    }
}
