//! Every crate type linked by rustc and through splitlink, without LTO and with each kind of it.

use splitlink_tests::rustc_fixture::case::{Case, bin, cdylib, dylib, proc_macro, several, staticlib, test};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain};

/// A module with a test for each row, for each kind of LTO.
macro_rules! table {
    ($table:ident: $($name:ident: $case:expr;)+) => {
        mod $table {
            use super::*;

            mod off {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    check($case, concat!(stringify!($table), "_", stringify!($name)))
                })+
            }

            mod thin {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    check($case.lto("thin"), concat!("thin_", stringify!($table), "_", stringify!($name)))
                })+
            }

            mod fat {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    check($case.lto("fat"), concat!("fat_", stringify!($table), "_", stringify!($name)))
                })+
            }
        }
    };
}

/// With every toolchain that is installed.
fn check(case: Case, name: &str) -> Result<(), Failure> {
    Toolchain::installed()
        .filter(|toolchain| toolchain.has_std_dylib() || !case.needs_std_dylib())
        .try_for_each(|toolchain| case.check(toolchain, name))
}

const SUMMARY: &str = "circle: 1, shape of 4.0: 1, shape of 9.0: 1 | biggest 9";
const O2: &[&str] = &["-Copt-level=2"];

fn app() -> Case {
    bin("app").deps(&["facade"]).graph(O2).prints(&[SUMMARY])
}

fn library(case: Case) -> Case {
    case.deps(&["facade"]).graph(O2).prints(&[SUMMARY, "caught 1"])
}

table! { program:
    plain: app().prints(&["made 6", "depth 3", "Err(\"caught\")"]);
    static_libc: bin("app").deps(&["facade"]).graph(&["-Copt-level=2", "-Ctarget-feature=+crt-static"]).prints(&[SUMMARY]);
    panic_abort: bin("exports_app").deps(&["exports"]).graph(&["-Copt-level=2", "-Cpanic=abort"]).prints(&["started 7"]);
    allocator: bin("allocator_app").deps(&["counting_allocator"]).graph(O2).prints(&["10 boxes, counted: true"]);
    v0_symbols: bin("app").deps(&["facade"]).graph(&["-Copt-level=2", "-Csymbol-mangling-version=v0"]).prints(&[SUMMARY]);
    with_proc_macro: bin("macro_app").deps(&["describe_macro", "described"]).graph(O2).prints(&["ENGINE WIDGET 42"]);
    shared_std: app().shared_std(&["-Cprefer-dynamic"]).has(&["needed libstd-"]).reference_without_lto();
    tests: test("app").deps(&["facade"]).graph(O2).prints(&["test result: ok. 2 passed"]);
}

table! { libraries:
    a_cdylib: library(cdylib("library", "call_library")).has(&["exports library_summary"]);
    a_staticlib: library(staticlib("library", "call_library"));
    a_dylib: library(dylib("library", "call_library"));
    dylib_with_shared_std: dylib("library", "use_library").deps(&["facade"]).graph(O2).shared_std(&["-Cprefer-dynamic"]).prints(&[SUMMARY, "<1>"]);
    several_types: library(several("library", &["cdylib", "staticlib"], "call_library"));
}

table! { native:
    static_library: bin("sum_app").deps(&["sum_sys=sum_static"]).graph(O2).prints(&["sum 42"]);
    whole_archive: bin("sum_app").deps(&["sum_sys=sum_whole"]).graph(O2).prints(&["sum 42"]);
    staticlib_whole_archive: staticlib("sum_library", "call_sum").deps(&["sum_sys=sum_whole"]).graph(O2).prints(&["sum 42"]);
}

/// rustc does no LTO of proc macros, and neither does splitlink.
#[test]
fn proc_macro_crate() -> Result<(), Failure> {
    check(proc_macro("describe_macro", "use_macro").deps(&["naming"]).prints(&["GADGET 42"]), "proc_macro_crate")
}

#[test]
fn debug_info() -> Result<(), Failure> {
    check(bin("app").deps(&["facade"]).graph(&["-Cdebuginfo=2"]).prints(&[SUMMARY]), "debug_info")
}
