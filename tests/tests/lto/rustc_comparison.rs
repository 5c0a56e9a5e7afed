//! The same crates linked with LTO by rustc and through splitlink: they need the same libraries,
//! offer the same symbols, and behave alike. Every row is a test for thin LTO and one for fat.
//!
//! Most of the time goes into the standard library, so rows about the linker, or about what is
//! linked at all, do not have it optimised.

use splitlink_tests::rustc_fixture::case::{Case, bin, cdylib, dylib, several, staticlib, test};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain};

/// A module with a test for each row, for each kind of LTO.
macro_rules! table {
    ($table:ident: $($name:ident: $case:expr;)+) => {
        mod $table {
            use super::*;

            mod thin {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    $case.lto("thin").check(Toolchain::stable(), concat!("lto_thin_", stringify!($table), "_", stringify!($name)))
                })+
            }

            mod fat {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    $case.lto("fat").check(Toolchain::stable(), concat!("lto_fat_", stringify!($table), "_", stringify!($name)))
                })+
            }
        }
    };
}

const SUMMARY: &str = "circle: 1, shape of 4.0: 1, shape of 9.0: 1 | biggest 9";
const O2: &[&str] = &["-Copt-level=2"];
/// Where it matters that code is optimised, and not how much: LTO takes a third less.
const O1: &[&str] = &["-Copt-level=1"];

fn app() -> Case {
    bin("app").deps(&["facade"]).prints(&[SUMMARY])
}

fn library(case: Case) -> Case {
    case.deps(&["facade"]).prints(&[SUMMARY, "caught 1"])
}

table! { program:
    plain: app().graph(O2).prints(&["made 6", "depth 3", "Err(\"caught\")"]);
    uncaught_panic: app().graph(O1).args(&["--panic"]).exits(101);
    not_optimised: app();
    for_size: app().graph(&["-Copt-level=z"]);
    debug_info: app().graph(&["-Copt-level=1", "-Cdebuginfo=2"]);
    one_codegen_unit: app().graph(&["-Copt-level=3", "-Ccodegen-units=1"]);
    overflow_checks: app().graph(&["-Copt-level=1", "-Coverflow-checks=yes"]);
    for_a_processor: app().graph(&["-Copt-level=1", "-Ctarget-cpu=x86-64-v2", "-Ctarget-feature=+popcnt"]);
    llvm_arguments: app().graph(O1).flags(["-Cllvm-args=-inline-threshold=20 -unroll-threshold=10"]);
    not_relocatable: app().graph(&["-Copt-level=1", "-Crelocation-model=static"]);
    static_libc: app().graph(&["-Copt-level=1", "-Ctarget-feature=+crt-static"]);
    panic_abort: bin("exports_app").deps(&["exports"]).graph(&["-Cpanic=abort"]).prints(&["started 7"]);
    allocator_in_dependency: bin("allocator_app").deps(&["counting_allocator"]).graph(O1).prints(&["10 boxes, counted: true"]);
    allocator_of_its_own: bin("own_allocator_app").deps(&["facade"]).graph(O1).prints(&[SUMMARY]);
    used_static_in_dependency: bin("exports_app").deps(&["exports"]).graph(O1).prints(&["started 7"]);
    proc_macro: bin("macro_app").deps(&["describe_macro", "described"]).prints(&["ENGINE WIDGET 42"]);
    two_versions_of_a_crate: bin("twice_app").deps(&["twice=twice_new", "uses_old"]).prints(&["new and old"]);
    no_std: bin("bare_app").deps(&["bare"]).graph(&["-Copt-level=2", "-Cpanic=abort"]).exits(9);
    gnu_linker: app().flags(["-Clink-arg=-fuse-ld=bfd"]);
    mold: app().flags(["-Clink-arg=-fuse-ld=mold"]);
    medium_code_model: app().graph(&["-Copt-level=1", "-Ccode-model=medium"]);
    shared_std: app().graph(O2).shared_std(&["-Cprefer-dynamic"]).has(&["needed libstd-"]).reference_without_lto();
    tests: test("app").deps(&["facade"]).prints(&["test result: ok. 2 passed"]);
}

table! { native:
    static_library: bin("sum_app").deps(&["sum_sys=sum_static"]).prints(&["sum 42"]);
    whole_archive: bin("sum_app").deps(&["sum_sys=sum_whole"]).prints(&["sum 42"]);
    shared_library: bin("sum_app").deps(&["sum_sys=sum_dynamic"]).flags(["-Lnative={native}"]).native().prints(&["sum 42"]);
    own_static: bin("own_sum_app").flags(["-Lnative={native}", "-lstatic=sum"]).native().prints(&["sum 42"]);
    own_thin_archive: bin("own_sum_app").flags(["-Lnative={native}", "-lstatic=sumthin"]).native().prints(&["sum 42"]);
    as_link_argument: bin("own_sum_app").flags(["-Clink-arg={native}/sum.o"]).native().prints(&["sum 42"]);
}

table! { libraries:
    cdylib_plain: library(cdylib("library", "call_library")).graph(O2).has(&["exports library_summary"]);
    cdylib_exports_of_dependency: cdylib("exports_library", "call_exports").deps(&["exports"]).graph(O1).prints(&["7 7 11"]);
    cdylib_allocator: cdylib("allocator_library", "call_allocator").deps(&["counting_allocator"]).graph(O1).prints(&["allocated 1"]);
    cdylib_no_std: cdylib("bare_library", "call_bare").deps(&["bare"]).graph(&["-Copt-level=2", "-Cpanic=abort"]).prints(&["clamped 10"]);
    staticlib_plain: library(staticlib("library", "call_library")).graph(O2);
    staticlib_exports_of_dependency: staticlib("exports_library", "call_exports").deps(&["exports"]).graph(O1).prints(&["7 7 11"]);
    staticlib_thin_archive: staticlib("own_sum_library", "call_sum").flags(["-Lnative={native}", "-lstatic=sumthin"]).native().prints(&["sum 42"]);
    staticlib_native: staticlib("own_sum_library", "call_sum").flags(["-Lnative={native}", "-lstatic=sum"]).native().prints(&["sum 42"]);
    staticlib_no_std: staticlib("bare_library", "call_bare").deps(&["bare"]).graph(&["-Copt-level=2", "-Cpanic=abort"]).prints(&["clamped 10"]);
    dylib_for_c: library(dylib("library", "call_library")).graph(O1);
    dylib_for_rust: dylib("library", "use_library").deps(&["facade"]).graph(O2).shared_std(&["-Cprefer-dynamic"]).prints(&[SUMMARY, "<1>"]).has(&["needed libstd-"]);
}

table! { several_types:
    cdylib_and_staticlib: library(several("library", &["cdylib", "staticlib"], "call_library")).graph(O1);
    staticlib_and_dylib: library(several("library", &["staticlib", "dylib"], "call_library")).graph(O1);
    staticlib_and_dylib_with_shared_std: library(several("library", &["staticlib", "dylib"], "call_library")).shared_std(&["-Cprefer-dynamic"]);
    cdylib_and_staticlib_exports: several("exports_library", &["cdylib", "staticlib"], "call_exports").deps(&["exports"]).graph(O1).prints(&["7 7 11"]);
}
