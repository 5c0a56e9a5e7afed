//! Runs the program and loads the dylib of its variant.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::process::Command;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_test_has_its_crates_and_resources() {
    let program = std::env::current_exe().expect("the program");
    assert!(program.with_added_extension("resources.json").exists());
    assert_eq!((words::words(), words::most_frequent("b a b"), words::asked()), ("WORDS", 4, 1));
}

#[test]
fn the_program_runs() {
    let output = Command::new(env("APP")).output().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "WORDS 18 1 true\n", "{output:?}");
}

#[test]
fn the_dylib_loads() {
    const RTLD_NOW: c_int = 2;
    let path = CString::new(env("DYLIB")).expect("no NUL");
    // SAFETY: both are plain strings, and the function has this type in for_c.rs.
    unsafe {
        let library = dlopen(path.as_ptr(), RTLD_NOW);
        assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
        let most_frequent = dlsym(library, c"most_frequent_word".as_ptr());
        assert!(!most_frequent.is_null(), "{path:?} does not export most_frequent_word");
        let most_frequent: unsafe extern "C" fn(*const c_char) -> u32 = std::mem::transmute(most_frequent);
        assert_eq!(most_frequent(c"a b a c a".as_ptr()), 6);
    }
}
