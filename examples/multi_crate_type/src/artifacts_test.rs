use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::process::Command;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

#[test]
fn programs_run() {
    for variable in ["PROGRAM", "SHARED_STD_PROGRAM"] {
        let program = std::env::var(variable).expect(variable);
        let output = Command::new(&program).output().expect(&program);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "area: 49\n", "{program}: {output:?}");
    }
}

#[test]
fn dylibs_load() {
    const RTLD_NOW: c_int = 2;
    for variable in ["DYLIB", "SHARED_STD_DYLIB"] {
        let path = std::env::var(variable).expect(variable);
        let path = CString::new(path).expect("no NUL");
        // SAFETY: both are plain strings, and the function has this type in engine.rs.
        unsafe {
            let library = dlopen(path.as_ptr(), RTLD_NOW);
            assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
            let area = dlsym(library, c"engine_area".as_ptr());
            assert!(!area.is_null(), "{path:?} does not export engine_area");
            let area: extern "C" fn(u32) -> u32 = std::mem::transmute(area);
            assert_eq!(area(7), 49);
        }
    }
}
