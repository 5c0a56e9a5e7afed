//! Dependency formats where more than the graph matters, rustc against splitlink: the standard
//! library's forms, panic strategies, allocators, crates used for their macros only, native
//! libraries. Both sides link really, take the same crates in the same forms (or refuse for the
//! same reason), tell the loader the same, and their programs print the same.
//!
//! Every row is a test, with the default toolchain and with nightly where that is installed.

use splitlink_tests::formats_graph::case::Form::{Both, Dylib, Rlib};
use splitlink_tests::formats_graph::outcome::{Kind, Taken};
use splitlink_tests::formats_graph::special::{Special, bin, linked};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain};

macro_rules! table {
    ($table:ident: $($name:ident: $special:expr;)+) => {
        mod $table {
            use super::*;

            mod stable {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    $special.check(Toolchain::stable(), concat!(stringify!($table), "_", stringify!($name)))
                })+
            }

            mod nightly {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    match Toolchain::nightly() {
                        Some(nightly) => $special.check(nightly, concat!(stringify!($table), "_", stringify!($name))),
                        None => Ok(()),
                    }
                })+
            }
        }
    };
}

const HELLO: &str = r#"fn main() { println!("hello {:?}", std::panic::catch_unwind(|| panic!()).is_err()); }"#;
const PLAIN: &str = r#"fn main() { println!("hello"); }"#;
const C_FUNCTION: &str = r#"#[unsafe(no_mangle)] pub extern "C" fn length(n: usize) -> usize { vec![1u8; n].len() }"#;
const LIBRARY: &str = "pub fn text() -> String { format!(\"{}\", 40 + 2) }";
const USES_LIBRARY: &str = "fn main() { println!(\"{}\", library::text()); }";

/// A program that uses a library in that form.
fn over(form: splitlink_tests::formats_graph::case::Form) -> Special {
    bin(USES_LIBRARY).unit(form, "library", LIBRARY, &[])
}

table! { std_forms:
    in_the_program: bin(HELLO).takes("std", Taken::Rlib).takes("panic_unwind", Taken::Rlib).prints("hello true");
    shared: bin(HELLO).dynamic().takes("std", Taken::Dylib).lacks("panic_unwind").lacks("core").prints("hello true");
    shared_optimised: bin(HELLO).flags(&["-Copt-level=3"]).dynamic().takes("std", Taken::Dylib).prints("hello true");
    in_a_cdylib: linked("cdylib", C_FUNCTION).takes("std", Taken::Rlib);
    shared_by_a_cdylib: linked("cdylib", C_FUNCTION).dynamic().takes("std", Taken::Dylib);
    in_a_staticlib: linked("staticlib", C_FUNCTION).dynamic().takes("std", Taken::Rlib);
    shared_by_a_test: bin("#[test] fn works() { println!(\"ran\") }").flags(&["--test"]).dynamic().takes("std", Taken::Dylib).takes("test", Taken::Rlib);
    because_of_a_dylib: over(Dylib).dynamic_below().takes("std", Taken::Dylib).takes("library", Taken::Dylib).prints("42").by_rustc();
    not_because_of_both: over(Both).dynamic_below().takes("std", Taken::Rlib).takes("library", Taken::Rlib).prints("42");
    inside_a_dylib_and_shared: over(Dylib).refused("top", Kind::Twice);
    static_program: over(Rlib).all(&["-Ctarget-feature=+crt-static"]).takes("std", Taken::Rlib).prints("42");
    static_program_prefers_dynamic: over(Both).flags(&["-Ctarget-feature=+crt-static"]).dynamic().takes("std", Taken::Rlib).prints("42");
    static_program_over_a_dylib: over(Dylib).dynamic().flags(&["-Ctarget-feature=+crt-static"]).refused("top", Kind::NoRlib);
}

table! { panic_strategies:
    abort: bin(PLAIN).flags(&["-Cpanic=abort"]).takes("panic_abort", Taken::Rlib).takes("std", Taken::Rlib).prints("hello");
    abort_shared: bin(PLAIN).flags(&["-Cpanic=abort"]).dynamic().refused("top", Kind::PanicStrategy);
    abort_shared_by_a_cdylib: linked("cdylib", C_FUNCTION).flags(&["-Cpanic=abort"]).dynamic().refused("top", Kind::PanicStrategy);
    abort_in_a_staticlib: linked("staticlib", C_FUNCTION).flags(&["-Cpanic=abort"]).takes("panic_abort", Taken::Rlib);
    abort_in_a_cdylib: linked("cdylib", C_FUNCTION).flags(&["-Cpanic=abort"]).takes("panic_abort", Taken::Rlib);
    abort_over_an_unwinding_rlib: over(Rlib).flags(&["-Cpanic=abort"]).takes("panic_abort", Taken::Rlib).prints("42");
    abort_over_an_unwinding_dylib: over(Dylib).dynamic().flags(&["-Cpanic=abort"]).refused("top", Kind::PanicStrategy);
    abort_over_both: over(Both).dynamic_below().flags(&["-Cpanic=abort"]).takes("library", Taken::Rlib).prints("42");
    abort_below_an_unwinding_program: over(Rlib).unit_flags(&["-Cpanic=abort"]).refused("top", Kind::PanicStrategy);
    abort_everywhere: over(Rlib).all(&["-Cpanic=abort"]).takes("panic_abort", Taken::Rlib).prints("42");
    abort_in_a_dylib_with_std: over(Dylib).all(&["-Cpanic=abort"]).refused("top", Kind::Twice);
}

const BARE: &str = r#"
#![no_std]
#![cfg_attr(program, no_main)]
#[cfg(heap)] extern crate alloc;
#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[unsafe(no_mangle)] pub extern "C" fn rust_eh_personality() {}
#[link(name = "c")] unsafe extern "C" { fn puts(text: *const u8) -> i32; fn malloc(size: usize) -> *mut u8; }
#[cfg(allocator)] struct C;
#[cfg(allocator)] unsafe impl core::alloc::GlobalAlloc for C {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 { unsafe { malloc(layout.size()) } }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}
#[cfg(allocator)] #[global_allocator] static HEAP: C = C;
#[cfg(heap)] fn text() -> alloc::vec::Vec<u8> { let mut text = alloc::vec::Vec::new(); text.extend(b"heap\0"); text }
#[cfg(not(heap))] fn text() -> &'static [u8] { b"bare\0" }
#[unsafe(no_mangle)] pub extern "C" fn main() -> i32 { unsafe { puts(text().as_ptr()); } 0 }
"#;

/// A crate without std, of that type.
fn bare(crate_type: &'static str) -> Special {
    let special = linked(crate_type, BARE).flags(&["-Cpanic=abort"]).lacks("std").takes("core", Taken::Rlib);
    if crate_type == "bin" { special.flags(&["--cfg=program"]) } else { special }
}

const HEAP: &[&str] = &["--cfg=heap"];
const HEAP_AND_ALLOCATOR: &[&str] = &["--cfg=heap", "--cfg=allocator"];

table! { without_std:
    program: bare("bin").lacks("alloc").prints("bare");
    program_prefers_dynamic: bare("bin").dynamic().lacks("alloc").prints("bare");
    program_with_allocator: bare("bin").flags(HEAP_AND_ALLOCATOR).takes("alloc", Taken::Rlib).prints("heap");
    program_lacks_an_allocator: bare("bin").flags(HEAP).refused("top", Kind::NoAllocator);
    staticlib: bare("staticlib").lacks("alloc");
    staticlib_with_allocator: bare("staticlib").flags(HEAP_AND_ALLOCATOR).takes("alloc", Taken::Rlib);
    staticlib_lacks_an_allocator: bare("staticlib").flags(HEAP).refused("top", Kind::NoAllocator);
    cdylib: bare("cdylib").lacks("alloc");
    cdylib_with_allocator: bare("cdylib").dynamic().flags(HEAP_AND_ALLOCATOR).takes("alloc", Taken::Rlib);
    library_below_a_program_with_std: bin(USES_BARE).unit(Rlib, "library", BARE_LIBRARY, &[]).dynamic().takes("std", Taken::Dylib).takes("library", Taken::Rlib).prints("[1]");
    library_inside_a_dylib: bin("fn main() { println!(\"{:?}\", shared::list()) }").unit(Rlib, "library", BARE_LIBRARY, &[]).unit(Dylib, "shared", "pub use library::list;", &["library"]).dynamic().takes("shared", Taken::Dylib).lacks("library").prints("[1]");
    library_as_dylib: bin(USES_BARE).unit(Dylib, "library", BARE_LIBRARY, &[]).dynamic().refused("library", Kind::NoPanicHandler);
}

const BARE_LIBRARY: &str = "#![no_std] extern crate alloc; pub fn list() -> alloc::vec::Vec<u8> { alloc::vec![1] }";
const USES_BARE: &str = "fn main() { println!(\"{:?}\", library::list()) }";

const COUNTING: &str = r#"
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
pub static CALLS: AtomicUsize = AtomicUsize::new(0);
struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 { CALLS.fetch_add(1, Ordering::Relaxed); unsafe { System.alloc(layout) } }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) { unsafe { System.dealloc(p, layout) } }
}
#[global_allocator] static ALLOCATOR: Counting = Counting;
pub fn counted() -> bool {
    let before = CALLS.load(Ordering::Relaxed);
    std::hint::black_box(Box::new(7u64));
    CALLS.load(Ordering::Relaxed) > before
}
"#;
const COUNTING_PROGRAM: &str = concat!(
    "mod counting { ",
    "use std::alloc::{GlobalAlloc, Layout, System}; use std::sync::atomic::{AtomicUsize, Ordering};
    pub static CALLS: AtomicUsize = AtomicUsize::new(0); struct Counting;
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 { CALLS.fetch_add(1, Ordering::Relaxed); unsafe { System.alloc(layout) } }
        unsafe fn dealloc(&self, p: *mut u8, layout: Layout) { unsafe { System.dealloc(p, layout) } }
    }
    #[global_allocator] static ALLOCATOR: Counting = Counting; }",
    "fn main() { let text = std::hint::black_box(String::from(\"x\")); println!(\"{} {}\", counting::CALLS.load(std::sync::atomic::Ordering::Relaxed) > 0, text); }"
);
const SECOND: &str =
    "#[global_allocator] static A: std::alloc::System = std::alloc::System; fn main() { println!(\"{}\", heap::counted()) }";
const ASKS: &str = "fn main() { println!(\"{}\", heap::counted()) }";

table! { allocators:
    own: bin(COUNTING_PROGRAM).prints("true x");
    // With rustc, the standard library's allocator serves the one part and the program's the other.
    own_with_shared_std: bin(COUNTING_PROGRAM).dynamic().refused_here("top", Kind::SecondAllocator);
    own_over_a_dylib: bin(COUNTING_PROGRAM).unit(Dylib, "library", LIBRARY, &[]).dynamic().refused_here("top", Kind::SecondAllocator);
    of_an_rlib: bin(ASKS).unit(Rlib, "heap", COUNTING, &[]).prints("true");
    of_an_rlib_with_shared_std: bin(ASKS).unit(Rlib, "heap", COUNTING, &[]).dynamic().refused_here("top", Kind::SecondAllocator);
    of_a_dylib: bin(ASKS).unit(Dylib, "heap", COUNTING, &[]).dynamic().refused_here("heap", Kind::SecondAllocator);
    of_both: bin(ASKS).unit(Both, "heap", COUNTING, &[]).dynamic_below().refused_here("heap", Kind::SecondAllocator);
    of_both_with_std_inside: bin(ASKS).unit(Both, "heap", COUNTING, &[]).takes("heap", Taken::Rlib).prints("true");
    of_a_cdylib: linked("cdylib", "#[unsafe(no_mangle)] pub extern \"C\" fn ask() -> bool { heap::counted() }").unit(Rlib, "heap", COUNTING, &[]);
    two: bin(SECOND).unit(Rlib, "heap", COUNTING, &[]).refused("top", Kind::TwoAllocators);
    two_with_a_dylib: bin(SECOND).unit(Dylib, "heap", COUNTING, &[]).dynamic().refused_here("heap", Kind::SecondAllocator);
    two_below: bin("use {heap as _, second as _}; fn main() {}").unit(Rlib, "heap", COUNTING, &[]).unit(Rlib, "second", COUNTING, &[]).refused("top", Kind::TwoAllocators);
}

const MACROS: &str = "#[macro_export] macro_rules! answer { () => { 40 + 2 } }";
const USES_NO_LINK: &str = "#[macro_use] #[no_link] extern crate library; fn main() { println!(\"{}\", answer!()) }";
const USES_MACRO: &str = "fn main() { println!(\"{}\", library::answer!()) }";
const C_NO_LINK: &str = "#[macro_use] #[no_link] extern crate library; #[unsafe(no_mangle)] pub extern \"C\" fn f() -> i32 { answer!() }";
const BELOW_NO_LINK: &str = "#[macro_use] #[no_link] extern crate library; pub fn answer() -> i32 { answer!() }";

table! { macros:
    not_linked: bin(USES_NO_LINK).unit(Rlib, "library", MACROS, &[]).lacks("library").prints("42");
    not_linked_dylib: bin(USES_NO_LINK).unit(Dylib, "library", MACROS, &[]).dynamic().lacks("library").takes("std", Taken::Dylib).prints("42").by_rustc();
    not_linked_dylib_does_not_share_std: bin(USES_NO_LINK).unit(Dylib, "library", MACROS, &[]).dynamic_below().lacks("library").takes("std", Taken::Rlib).prints("42");
    not_linked_dylib_below_a_staticlib: linked("staticlib", C_NO_LINK).unit(Dylib, "library", MACROS, &[]).dynamic_below().lacks("library");
    not_linked_below: bin("fn main() { println!(\"{}\", middle::answer()) }").unit(Dylib, "library", MACROS, &[]).unit(Rlib, "middle", BELOW_NO_LINK, &["library"]).dynamic_below().lacks("library").takes("middle", Taken::Rlib).prints("42");
    linked_rlib: bin(USES_MACRO).unit(Rlib, "library", MACROS, &[]).takes("library", Taken::Rlib).prints("42");
    linked_dylib: bin(USES_MACRO).unit(Dylib, "library", MACROS, &[]).dynamic().takes("library", Taken::Dylib).prints("42").by_rustc();
}

const STATE: &str = r#"
use std::any::Any;
use std::cell::Cell;
#[derive(Debug, PartialEq)] pub struct Mark(pub u32);
thread_local! { pub static LOCAL: Cell<u32> = const { Cell::new(5) }; }
pub fn boxed() -> Box<dyn Any + Send> { Box::new(Mark(3)) }
pub fn shown<T: std::fmt::Debug>(value: &T) -> String { format!("{value:?}") }
"#;
const USES_STATE: &str = "pub fn raise() { state::LOCAL.with(|l| l.set(l.get() + 1)); std::panic::resume_unwind(state::boxed()) }";
const USES_BOTH: &str = r#"fn main() {
    let mark = std::panic::catch_unwind(raising::raise).unwrap_err().downcast::<state::Mark>();
    #[cfg(also)] also::also();
    println!("{} {}", state::shown(&mark.unwrap()), state::LOCAL.with(|l| l.get()));
}"#;

fn shared_state(state: splitlink_tests::formats_graph::case::Form, raising: splitlink_tests::formats_graph::case::Form) -> Special {
    bin(USES_BOTH).unit(state, "state", STATE, &[]).unit(raising, "raising", USES_STATE, &["state"]).prints("Mark(3) 6")
}

fn also(special: Special) -> Special {
    special.unit(Dylib, "also", "pub fn also() -> String { state::shown(&1) }", &["state"]).flags(&["--cfg=also"])
}

table! { across_dylibs:
    two_dylibs: shared_state(Dylib, Dylib).dynamic().takes("state", Taken::Dylib).takes("raising", Taken::Dylib).by_rustc();
    two_dylibs_optimised: shared_state(Dylib, Dylib).all(&["-Copt-level=3"]).dynamic().takes("state", Taken::Dylib).by_rustc();
    one_inside_the_other: shared_state(Rlib, Dylib).dynamic().lacks("state").takes("raising", Taken::Dylib).by_rustc();
    one_inside_the_other_optimised: shared_state(Rlib, Dylib).all(&["-Copt-level=3"]).dynamic().lacks("state");
    rlib_over_dylib: shared_state(Dylib, Rlib).dynamic_below().takes("state", Taken::Dylib).takes("raising", Taken::Rlib).by_rustc();
    v0_symbols: shared_state(Dylib, Rlib).all(&["-Csymbol-mangling-version=v0"]).dynamic().takes("state", Taken::Dylib);
    inside_two_dylibs: also(shared_state(Rlib, Dylib)).dynamic().refused("top", Kind::Twice);
    below_two_dylibs: also(shared_state(Dylib, Dylib)).dynamic().takes("also", Taken::Dylib).by_rustc();
    exported_for_c: linked("cdylib", "pub use exporting::f;").unit(Rlib, "exporting", EXPORTING, &[]).takes("exporting", Taken::Rlib);
    exported_for_c_by_a_dylib: linked("cdylib", "pub use exporting::f;").unit(Dylib, "exporting", EXPORTING, &[]).dynamic().takes("exporting", Taken::Dylib);
    exported_for_c_inside_a_dylib: linked("cdylib", "pub use over::f;").unit(Rlib, "exporting", EXPORTING, &[]).unit(Dylib, "over", "pub use exporting::f;", &["exporting"]).dynamic().lacks("exporting");
}

table! { missing_forms:
    dylib_that_a_dylib_needs: bin(USES_BOTH).unit(Both, "state", STATE, &[]).withdrawn("so").unit(Dylib, "raising", USES_STATE, &["state"]).dynamic().refused("top", Kind::NoDylib);
    dylib_that_a_dylib_has_inside: bin(USES_BOTH).unit(Rlib, "state", STATE, &[]).unit(Both, "raising", USES_STATE, &["state"]).withdrawn("so").dynamic().takes("state", Taken::Rlib).takes("raising", Taken::Rlib).prints("Mark(3) 6");
    rlib_of_both: over_without("rlib").dynamic_below().takes("library", Taken::Dylib).takes("std", Taken::Dylib).prints("42");
    rlib_of_both_below_a_staticlib: linked("staticlib", "#[unsafe(no_mangle)] pub extern \"C\" fn f() -> usize { library::text().len() }").unit(Both, "library", LIBRARY, &[]).withdrawn("rlib").dynamic_below().refused("top", Kind::NoRlib);
    dylib_of_both: over_without("so").dynamic().takes("library", Taken::Rlib).takes("std", Taken::Dylib).prints("42");
}

fn over_without(extension: &'static str) -> Special {
    over(Both).withdrawn(extension)
}

const ALL_TYPES: &[&str] = &["cdylib", "staticlib", "dylib"];

/// A crate that is planned for all types at once, over that form of a library, as one of them.
fn one_of_all(crate_type: &'static str, form: splitlink_tests::formats_graph::case::Form) -> Special {
    let source = "#[unsafe(no_mangle)] pub extern \"C\" fn length() -> usize { library::text().len() }";
    linked(crate_type, source).unit(form, "library", LIBRARY, &[]).planned_with(ALL_TYPES)
}

table! { several_types:
    cdylib: one_of_all("cdylib", Both).dynamic().takes("library", Taken::Dylib).takes("std", Taken::Dylib);
    cdylib_over_rlib: one_of_all("cdylib", Rlib).takes("library", Taken::Rlib).takes("std", Taken::Rlib);
    staticlib: one_of_all("staticlib", Both).dynamic().takes("library", Taken::Rlib).takes("std", Taken::Rlib);
    staticlib_over_dylib: one_of_all("staticlib", Dylib).dynamic().refused("top", Kind::NoRlib);
    dylib: one_of_all("dylib", Both).dynamic().takes("library", Taken::Dylib).takes("std", Taken::Dylib);
    dylib_over_rlib: one_of_all("dylib", Rlib).dynamic().takes("library", Taken::Rlib).takes("std", Taken::Dylib);
}

const EXPORTING: &str = "#[unsafe(no_mangle)] pub extern \"C\" fn f() -> i32 { 7 } #[used] pub static KEPT: [u8; 4] = *b\"kept\";";

const SUM: &str = r#"unsafe extern "C" { fn c_sum(a: i32, b: i32) -> i32; }
#[inline(never)] pub fn of(a: i32, b: i32) -> i32 { unsafe { c_sum(a, b) } }"#;
/// The call is in whatever crate uses it, so the dylib must export the C function.
const SUM_INLINED: &str = r#"#[link(name = "sum", kind = "static")] unsafe extern "C" { fn c_sum(a: i32, b: i32) -> i32; }
#[inline(always)] pub fn of(a: i32, b: i32) -> i32 { unsafe { c_sum(a, b) } }"#;
const SUMS: &str = "fn main() { println!(\"{}\", native::of(40, 2)) }";

fn native(form: splitlink_tests::formats_graph::case::Form, library: &'static str) -> Special {
    bin(SUMS).unit(form, "native", SUM, &[]).unit_flags(&["-Lnative={native}"]).unit_flags(Box::leak(Box::new([library]))).prints("42")
}

table! { native_libraries:
    in_an_rlib: native(Rlib, "-lstatic=sum");
    in_a_dylib: native(Dylib, "-lstatic=sum").dynamic().takes("native", Taken::Dylib);
    whole_in_a_dylib: native(Dylib, "-lstatic:+whole-archive=sum").dynamic().takes("native", Taken::Dylib);
    inlined_from_a_dylib: bin(SUMS).unit(Dylib, "native", SUM_INLINED, &[]).unit_flags(&["-Lnative={native}"]).dynamic().takes("native", Taken::Dylib).prints("42").by_rustc();
    inlined_from_an_rlib: bin(SUMS).unit(Rlib, "native", SUM_INLINED, &[]).unit_flags(&["-Lnative={native}"]).dynamic().prints("42");
    inlined_from_inside_a_dylib: bin("fn main() { println!(\"{}\", over::of(40, 2)) }").unit(Rlib, "native", SUM_INLINED, &[]).unit_flags(&["-Lnative={native}"]).unit(Dylib, "over", "pub use native::of;", &["native"]).dynamic().lacks("native").prints("42");
    shared_below_an_rlib: native(Rlib, "-ldylib=sumdyn").flags(&["-Lnative={native}"]).dynamic().takes("std", Taken::Dylib);
    shared_below_a_dylib: native(Dylib, "-ldylib=sumdyn").flags(&["-Lnative={native}"]).dynamic().takes("native", Taken::Dylib).by_rustc();
}
