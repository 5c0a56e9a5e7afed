//! The same crates linked by rustc and through splitlink, with the same command: the linker gets
//! the same arguments and files in the same order, and the artifacts are the same, byte for byte.
//!
//! Every row of the tables is a test, with the default toolchain and with nightly where that is
//! installed.

use splitlink_tests::rustc_fixture::case::{Case, bin, cdylib, dylib, proc_macro, several, staticlib, test};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain};

/// A module with a test for each row, for each toolchain.
macro_rules! table {
    ($table:ident: $($name:ident: $case:expr;)+) => {
        mod $table {
            use super::*;

            mod stable {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    $case.check(Toolchain::stable(), concat!(stringify!($table), "_", stringify!($name)))
                })+
            }

            mod nightly {
                use super::*;
                $(#[test]
                fn $name() -> Result<(), Failure> {
                    match Toolchain::nightly() {
                        Some(nightly) => $case.check(nightly, concat!(stringify!($table), "_", stringify!($name))),
                        None => Ok(()),
                    }
                })+
            }
        }
    };
}

const SUMMARY: &str = "circle: 1, shape of 4.0: 1, shape of 9.0: 1 | biggest 9";

fn app() -> Case {
    bin("app").deps(&["facade"]).prints(&[SUMMARY])
}

fn library(case: Case) -> Case {
    case.deps(&["facade"]).prints(&[SUMMARY])
}

table! { program:
    plain: app().prints(&["made 6", "depth 3", "Err(\"caught\")"]).has(&["type 3", "segment 0x6474e551 flags 0x6", "segment 0x6474e552", "needed libc.so.6", "flags_1 0x8000001"]);
    uncaught_panic: app().args(&["--panic"]).exits(101);
    optimised: app().graph(&["-Copt-level=3"]);
    one_codegen_unit: app().graph(&["-Copt-level=3", "-Ccodegen-units=1"]);
    many_codegen_units: app().flags(["-Ccodegen-units=64"]);
    debug_info: app().graph(&["-Cdebuginfo=2"]);
    debug_info_not_split: app().graph(&["-Cdebuginfo=1", "-Csplit-debuginfo=off"]);
    strip_symbols: app().flags(["-Cstrip=symbols"]);
    strip_debug_info: app().graph(&["-Cdebuginfo=2", "-Cstrip=debuginfo"]);
    panic_abort: bin("exports_app").deps(&["exports"]).graph(&["-Cpanic=abort"]).prints(&["started 7"]);
    panic_abort_panics: app().graph(&["-Cpanic=abort"]).exits(134).args(&["--panic"]);
    allocator_in_dependency: bin("allocator_app").deps(&["counting_allocator"]).prints(&["10 boxes, counted: true"]);
    allocator_of_its_own: bin("own_allocator_app").deps(&["facade"]).prints(&[SUMMARY]);
    used_static_in_dependency: bin("exports_app").deps(&["exports"]).prints(&["started 7"]);
    exports_kept: bin("exports_app").deps(&["exports"]).flags(["-Clink-dead-code", "-Clink-arg=-rdynamic"]).prints(&["started 7"]);
    not_relocatable: app().flags(["-Crelocation-model=static"]).has(&["type 2"]);
    pic: app().graph(&["-Crelocation-model=pic"]);
    partial_relro: app().flags(["-Crelro-level=partial"]);
    no_relro: app().flags(["-Crelro-level=off"]);
    static_libc: app().graph(&["-Ctarget-feature=+crt-static"]);
    static_libc_not_relocatable: app().graph(&["-Ctarget-feature=+crt-static", "-Crelocation-model=static"]);
    coverage: app().graph(&["-Cinstrument-coverage"]);
    profile: app().graph(&["-Cprofile-generate=profile"]);
    shared_std: app().shared_std(&["-Cprefer-dynamic"]).has(&["needed libstd-"]);
    shared_std_run_path: app().shared_std(&["-Cprefer-dynamic", "-Crpath"]).has(&["runpath $ORIGIN/"]);
    linker_plugin_lto: app().graph(&["-Clinker-plugin-lto", "-Copt-level=2"]);
    v0_symbols: app().graph(&["-Csymbol-mangling-version=v0"]);
    unwind_tables: app().graph(&["-Cforce-unwind-tables=no", "-Cforce-frame-pointers=yes"]);
    default_libraries: app().flags(["-Cdefault-linker-libraries=yes"]);
    configured: bin("cfg_app").flags(["--cfg", "plain", "--cfg=feature=\"extra\""]).prints(&["extra plain"]);
    edition_2015: bin("edition_app").deps(&["facade"]).edition("2015").prints(&[SUMMARY, "\n8\n"]);
    edition_2018: bin("edition_app").deps(&["facade"]).edition("2018").prints(&[SUMMARY, "\n8\n"]);
    edition_2021: bin("edition_app").deps(&["facade"]).edition("2021").prints(&[SUMMARY, "\n1\n"]);
    edition_2024: bin("edition_app").deps(&["facade"]).edition("2024").prints(&[SUMMARY, "\n1\n"]);
    renamed_dependency: bin("renamed_app").deps(&["outside=facade"]).prints(&[SUMMARY]);
    two_versions_of_a_crate: bin("twice_app").deps(&["twice=twice_new", "uses_old"]).prints(&["new and old"]);
    proc_macro: bin("macro_app").deps(&["describe_macro", "described"]).prints(&["ENGINE WIDGET 42"]);
    proc_macro_optimised: bin("macro_app").deps(&["describe_macro", "described"]).graph(&["-Copt-level=3"]).prints(&["ENGINE"]);
    no_std: bin("bare_app").deps(&["bare"]).graph(&["-Cpanic=abort"]).exits(9);
    no_dependencies: bin("cfg_app").prints(&["none none"]);
    target_named: app().graph(&["--target={host}"]);
    sysroot_named: app().flags(["--sysroot={sysroot}"]);
    emits_more: app().output("--emit=dep-info={out}/../dep-info --emit=link={out}/with-dep-info").flags(["-Cextra-filename=-more"]);
    output_file: app().output("-o{out}/its.own.name");
    emitted_file: app().output("--emit=link={out}/its.own.name");
}

table! { native:
    static_library: bin("sum_app").deps(&["sum_sys=sum_static"]).prints(&["sum 42"]);
    whole_archive: bin("sum_app").deps(&["sum_sys=sum_whole"]).prints(&["sum 42"]);
    unbundled: bin("sum_app").deps(&["sum_sys=sum_unbundled"]).flags(["-Lnative={native}"]).native().prints(&["sum 42"]);
    shared_library: bin("sum_app").deps(&["sum_sys=sum_dynamic"]).flags(["-Lnative={native}"]).native().prints(&["sum 42"]).has(&["needed libsumdyn.so"]);
    named_in_source: bin("sum_attribute_app").deps(&["sum_attribute"]).prints(&["sum 42"]);
    own_static: bin("own_sum_app").flags(["-Lnative={native}", "-lstatic=sum"]).native().prints(&["sum 42"]);
    own_thin_archive: bin("own_sum_app").flags(["-Lnative={native}", "-lstatic=sumthin"]).native().prints(&["sum 42"]);
    own_whole: bin("own_sum_app").flags(["-L", "native={native}", "-l", "static:+whole-archive=sum"]).native().prints(&["sum 42"]);
    own_verbatim: bin("own_sum_app").flags(["-Lnative={native}", "-lstatic:+verbatim=libsum.a"]).native().prints(&["sum 42"]);
    own_shared: bin("own_sum_app").flags(["-L{native}", "-ldylib=sumdyn"]).native().prints(&["sum 42"]);
    own_shared_run_path: bin("own_sum_app").flags(["-L{native}", "-lsumdyn", "-Clink-arg=-Wl,-rpath,$ORIGIN/../native"]).native().prints(&["sum 42"]).has(&["runpath $ORIGIN/../native"]);
    all_as_link_arguments: bin("own_sum_app").flags(["-Clink-arg=-L", "-Clink-arg={native}", "-Clink-args=-lsumdyn -L{cwd}/{native}", "-Clink-arg=-Wl,-rpath,$ORIGIN/../native"]).native().prints(&["sum 42"]).has(&["runpath $ORIGIN/../native"]);
    as_link_argument: bin("own_sum_app").flags(["-Clink-arg={native}/sum.o"]).native().prints(&["sum 42"]);
    as_link_argument_absolute: bin("own_sum_app").flags(["-Clink-arg={cwd}/{native}/libsum.a"]).native().prints(&["sum 42"]);
    cdylib_static_library: cdylib("sum_library", "call_sum").deps(&["sum_sys=sum_static"]).prints(&["sum 42"]);
    cdylib_whole_archive: cdylib("sum_library", "call_sum").deps(&["sum_sys=sum_whole"]).prints(&["sum 42"]);
    cdylib_own_static: cdylib("own_sum_library", "call_sum").flags(["-Lnative={native}", "-lstatic=sum"]).native().prints(&["sum 42"]);
    staticlib_static_library: staticlib("sum_library", "call_sum").deps(&["sum_sys=sum_static"]).prints(&["sum 42"]);
    staticlib_whole_archive: staticlib("sum_library", "call_sum").deps(&["sum_sys=sum_whole"]).prints(&["sum 42"]);
    staticlib_unbundled: staticlib("sum_library", "call_sum").deps(&["sum_sys=sum_unbundled"]).flags(["-Lnative={native}"]).native().driver_flags(&["-Wl,--push-state", "-lsum", "-Wl,--pop-state"]).prints(&["sum 42"]);
    staticlib_own_static: staticlib("own_sum_library", "call_sum").flags(["-Lnative={native}", "-lstatic=sum"]).native().prints(&["sum 42"]);
    staticlib_own_thin_archive: staticlib("own_sum_library", "call_sum").flags(["-Lnative={native}", "-lstatic=sumthin"]).native().prints(&["sum 42"]);
    staticlib_own_whole: staticlib("own_sum_library", "call_sum").flags(["-Lnative={native}", "-lstatic:+whole-archive=sum"]).native().prints(&["sum 42"]);
}

table! { arguments:
    of_the_linker: app().flags(["-Clink-arg=-Wl,-z,nodelete", "-Clink-args=-Wl,--no-undefined -Wl,--build-id=none", "-C", "link-arg=-Wl,-z,origin"]);
    response_file: bin("own_sum_app").flags(["-Clink-arg=@{native}/objects.rsp", "-Clink-arg=-Wl,-z,nodelete"]).native().prints(&["sum 42"]);
    very_many: app().flags((0..900).map(|number| format!("-Clink-arg=-Wl,--defsym=a_symbol_with_a_long_name_to_fill_the_command_line_{number}=0x{number}")));
    linker_by_name: app().flags(["-Clinker=gcc"]);
    linker_by_path: app().flags(["-Clinker=linkers/gcc"]);
    linker_by_absolute_path: app().flags(["-Clinker={cwd}/linkers/gcc"]);
    linker_beside: app().flags(["-Clinker={cwd}/cc"]);
    linker_and_flavor: app().flags(["-Clinker=gcc", "-Clinker-flavor=gcc"]);
    bfd: app().flags(["-Clink-arg=-fuse-ld=bfd"]);
    gold: app().flags(["-Clink-arg=-fuse-ld=gold"]);
    rust_lld: cdylib("bare_library", "call_bare").deps(&["bare"]).graph(&["-Cpanic=abort"]).flags(["-Clinker=rust-lld"]).unrecorded().prints(&["clamped 10"]);
    soname: library(cdylib("library", "call_library")).flags(["-Clink-arg=-Wl,-soname,libapp-app.so"]).has(&["soname libapp-app.so"]);
}

table! { tests:
    plain: test("app").deps(&["facade"]).prints(&["test result: ok. 2 passed"]);
    optimised: test("app").deps(&["facade"]).graph(&["-Copt-level=3"]).prints(&["2 passed"]);
    failing: test("failing_test").deps(&["facade"]).exits(101).prints(&["0 passed; 1 failed"]);
    of_a_library: test("shapes").flags(["--crate-type=lib"]).prints(&["0 passed"]);
    panic_abort: test("app").deps(&["facade"]).flags(["-Cdebuginfo=1"]).args(&["summary_names"]).prints(&["1 passed; 0 failed"]);
    coverage: test("app").deps(&["facade"]).graph(&["-Cinstrument-coverage"]).prints(&["2 passed"]);
}

table! { cdylibs:
    plain: library(cdylib("library", "call_library")).prints(&["caught 1"]).has(&["exports library_summary"]);
    optimised: library(cdylib("library", "call_library")).graph(&["-Copt-level=3"]);
    debug_info: library(cdylib("library", "call_library")).graph(&["-Cdebuginfo=2"]);
    linker_plugin_lto: library(cdylib("library", "call_library")).graph(&["-Clinker-plugin-lto", "-Copt-level=2"]);
    strip: library(cdylib("library", "call_library")).flags(["-Cstrip=symbols"]);
    shared_std: library(cdylib("library", "call_library")).shared_std(&["-Cprefer-dynamic"]);
    exports_of_dependency: cdylib("exports_library", "call_exports").deps(&["exports"]).prints(&["7 7 11"]).has(&["exports EXPORTED_DATA", "exports exported_by_dependency"]);
    allocator: cdylib("allocator_library", "call_allocator").deps(&["counting_allocator"]).prints(&["allocated 1"]);
    panic_abort: cdylib("exports_library", "call_exports").deps(&["exports"]).graph(&["-Cpanic=abort"]).prints(&["7 7 11"]);
    no_std: cdylib("bare_library", "call_bare").deps(&["bare"]).graph(&["-Cpanic=abort"]).prints(&["clamped 10"]);
}

table! { staticlibs:
    plain: library(staticlib("library", "call_library")).prints(&["caught 1"]).has(&["symbol library_summary in 0"]);
    optimised: library(staticlib("library", "call_library")).graph(&["-Copt-level=3"]);
    debug_info: library(staticlib("library", "call_library")).graph(&["-Cdebuginfo=2"]);
    many_codegen_units: library(staticlib("library", "call_library")).flags(["-Ccodegen-units=64"]);
    exports_of_dependency: staticlib("exports_library", "call_exports").deps(&["exports"]).prints(&["7 7 11"]);
    allocator: staticlib("allocator_library", "call_allocator").deps(&["counting_allocator"]).prints(&["allocated 1"]);
    panic_abort: staticlib("exports_library", "call_exports").deps(&["exports"]).graph(&["-Cpanic=abort"]).prints(&["7 7 11"]);
    static_libc: staticlib("exports_library", "call_exports").deps(&["exports"]).graph(&["-Ctarget-feature=+crt-static"]).prints(&["7 7 11"]);
    no_std: staticlib("bare_library", "call_bare").deps(&["bare"]).graph(&["-Cpanic=abort"]).prints(&["clamped 10"]);
}

table! { dylibs:
    plain: library(dylib("library", "call_library")).prints(&["caught 1"]).has(&["soname libapp-app.so"]);
    optimised: library(dylib("library", "call_library")).graph(&["-Copt-level=3"]);
    debug_info: library(dylib("library", "call_library")).graph(&["-Cdebuginfo=2"]);
    shared_std: library(dylib("library", "use_library")).shared_std(&["-Cprefer-dynamic"]).prints(&["<1>"]).has(&["needed libstd-"]);
    shared_std_optimised: library(dylib("library", "use_library")).graph(&["-Copt-level=3"]).shared_std(&["-Cprefer-dynamic"]).prints(&["<1>"]);
}

table! { proc_macros:
    plain: proc_macro("describe_macro", "use_macro").deps(&["naming"]).prints(&["GADGET 42"]);
    optimised: proc_macro("describe_macro", "use_macro").deps(&["naming"]).flags(["-Copt-level=3"]).prints(&["GADGET 42"]);
    debug_info: proc_macro("describe_macro", "use_macro").deps(&["naming"]).flags(["-Cdebuginfo=2"]).prints(&["GADGET 42"]);
    shared_std: proc_macro("describe_macro", "use_macro").deps(&["naming"]).shared_std(&["-Cprefer-dynamic"]).prints(&["GADGET 42"]);
}

table! { several_types:
    cdylib_and_staticlib: library(several("library", &["cdylib", "staticlib"], "call_library"));
    staticlib_and_cdylib: library(several("library", &["staticlib", "cdylib"], "call_library"));
    exports: several("exports_library", &["cdylib", "staticlib"], "call_exports").deps(&["exports"]).prints(&["7 7 11"]);
    whole_archive: several("sum_library", &["cdylib", "staticlib"], "call_sum").deps(&["sum_sys=sum_whole"]).prints(&["sum 42"]);
    with_dylib: several("exports_library", &["dylib", "staticlib"], "call_exports").deps(&["exports"]).prints(&["7 7 11"]);
}

/// Rows that only nightly has flags or features for.
#[test]
fn raw_dylib_on_nightly() -> Result<(), Failure> {
    let case = bin("raw_dylib_app").native().prints(&["sum 42"]);
    Toolchain::nightly().map_or(Ok(()), |nightly| case.check(nightly, "raw_dylib"))
}
