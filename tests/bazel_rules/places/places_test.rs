//! Where artifacts lie among the runfiles, and what their crates are called.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const NOW: c_int = 2;

fn place(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set"))
}

fn crate_in(file: &str) -> String {
    let path = CString::new(format!("./{file}")).expect("a path has no NUL");
    // SAFETY: the library is ours, and the function takes nothing and returns a static string.
    unsafe {
        let library = dlopen(path.as_ptr(), NOW);
        assert!(!library.is_null(), "{file} cannot be opened");
        let function = dlsym(library, c"place_crate".as_ptr());
        assert!(!function.is_null(), "{file} has no place_crate");
        let function: extern "C" fn() -> *const c_char = std::mem::transmute(function);
        CStr::from_ptr(function()).to_str().expect("it is text").to_owned()
    }
}

#[test]
fn libraries_for_c_are_named_by_their_crates() {
    for (variable, expected, crate_name) in [
        ("SHARED", "tests/bazel_rules/places/libplace_shared.so", "place_shared place_shared"),
        ("RENAMED", "tests/bazel_rules/places/libcalled.so", "called called"),
    ] {
        assert_eq!(place(variable), expected);
        assert_eq!(crate_in(expected), crate_name);
    }
    assert_eq!(place("STATIC"), "tests/bazel_rules/places/libplace_static.a");
    assert!(Path::new("tests/bazel_rules/places/libplace_static.a").exists());
}

#[test]
fn a_proc_macro_lies_in_its_package() {
    let place = place("MACRO");
    let name = place.strip_prefix("tests/bazel_rules/places/libplace_macro-").and_then(|rest| rest.strip_suffix(".so"));
    assert!(name.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_digit())), "{place}");
    assert!(Path::new(&place).exists(), "{place} is not there");
}
