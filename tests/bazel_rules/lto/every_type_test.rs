use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::process::Command;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

const RTLD_NOW: c_int = 2;

#[test]
fn the_program_runs() {
    let program = std::env::var("PROGRAM").expect("PROGRAM");
    let output = Command::new(&program).output().expect(&program);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "140\n", "{output:?}");
}

#[test]
fn the_dylib_loads() {
    let path = CString::new(std::env::var("DYLIB").expect("DYLIB")).expect("no NUL");
    // SAFETY: both are plain strings, and the function has this type in table_sum.rs.
    unsafe {
        let library = dlopen(path.as_ptr(), RTLD_NOW);
        assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
        let sum = dlsym(library, c"table_sum".as_ptr());
        assert!(!sum.is_null(), "{path:?} does not export table_sum");
        let sum: extern "C" fn() -> u32 = std::mem::transmute(sum);
        assert_eq!(sum(), 140);
    }
}
