//! Thin LTO in actions of their own. The same crates linked by rustc, by splitlink in one action and
//! in parts: they need the same libraries, offer the same symbols, behave alike and have as much
//! code. And a change of one crate changes what the back ends of those that import it read, and of no
//! other.

use anyhow::{Context, Result};
use splitlink_tests::rustc_fixture::case::{Case, bin, cdylib, dylib, several, staticlib, test};
use splitlink_tests::rustc_fixture::distributed::{back_end, folders, optimise};
use splitlink_tests::rustc_fixture::lto_library::LtoLibrary;
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, succeed};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// A test for each row.
macro_rules! table {
    ($($name:ident: $case:expr;)+) => {
        $(#[test]
        fn $name() -> Result<(), Failure> {
            $case.distributed().check(Toolchain::stable(), concat!("lto_distributed_", stringify!($name)))
        })+
    };
}

const SUMMARY: &str = "circle: 1, shape of 4.0: 1, shape of 9.0: 1 | biggest 9";

fn app() -> Case {
    bin("app").deps(&["facade"]).prints(&[SUMMARY])
}

fn library(case: Case) -> Case {
    case.deps(&["facade"]).prints(&[SUMMARY, "caught 1"])
}

table! {
    program: app().graph(&["-Copt-level=2"]).prints(&["made 6", "depth 3", "Err(\"caught\")"]);
    not_optimised: app();
    for_size: app().graph(&["-Copt-level=z"]);
    one_codegen_unit: app().graph(&["-Copt-level=3", "-Ccodegen-units=1"]);
    debug_info: app().graph(&["-Copt-level=1", "-Cdebuginfo=2"]);
    llvm_arguments: app().graph(&["-Copt-level=1"]).flags(["-Cllvm-args=-inline-threshold=20 -unroll-threshold=10"]);
    not_relocatable: app().graph(&["-Copt-level=1", "-Crelocation-model=static"]);
    static_libc: app().graph(&["-Copt-level=1", "-Ctarget-feature=+crt-static"]);
    panic_abort: bin("exports_app").deps(&["exports"]).graph(&["-Cpanic=abort"]).prints(&["started 7"]);
    allocator_in_dependency: bin("allocator_app").deps(&["counting_allocator"]).graph(&["-Copt-level=1"]).prints(&["10 boxes, counted: true"]);
    used_static_in_dependency: bin("exports_app").deps(&["exports"]).graph(&["-Copt-level=1"]).prints(&["started 7"]);
    two_versions_of_a_crate: bin("twice_app").deps(&["twice=twice_new", "uses_old"]).prints(&["new and old"]);
    no_std: bin("bare_app").deps(&["bare"]).graph(&["-Copt-level=2", "-Cpanic=abort"]).exits(9);
    mold: app().graph(&["-Copt-level=1"]).flags(["-Clink-arg=-fuse-ld=mold"]);
    medium_code_model: app().graph(&["-Copt-level=1", "-Ccode-model=medium"]);
    shared_std: app().graph(&["-Copt-level=2"]).shared_std(&["-Cprefer-dynamic"]).has(&["needed libstd-"]).reference_without_lto();
    tests: test("app").deps(&["facade"]).prints(&["test result: ok. 2 passed"]);
    native_library: bin("sum_app").deps(&["sum_sys=sum_static"]).prints(&["sum 42"]);
    cdylib_plain: library(cdylib("library", "call_library")).graph(&["-Copt-level=2"]).has(&["exports library_summary"]);
    cdylib_exports_of_dependency: cdylib("exports_library", "call_exports").deps(&["exports"]).graph(&["-Copt-level=1"]).prints(&["7 7 11"]);
    staticlib_plain: library(staticlib("library", "call_library")).graph(&["-Copt-level=2"]);
    staticlib_exports_of_dependency: staticlib("exports_library", "call_exports").deps(&["exports"]).graph(&["-Copt-level=1"]).prints(&["7 7 11"]);
    dylib_for_c: library(dylib("library", "call_library")).graph(&["-Copt-level=1"]);
    dylib_for_rust: dylib("library", "use_library").deps(&["facade"]).graph(&["-Copt-level=2"]).shared_std(&["-Cprefer-dynamic"]).prints(&[SUMMARY, "<1>"]).has(&["needed libstd-"]);
    two_groups: library(several("library", &["staticlib", "dylib"], "call_library")).shared_std(&["-Cprefer-dynamic"]);
}

/// What link-only is given for the library.
fn options(library: &LtoLibrary) -> Vec<OsString> {
    let mut options: Vec<OsString> = library.link_command(&[], "").get_args().map(ToOwned::to_owned).collect();
    options.remove(0);
    options
}

fn in_parts(library: &LtoLibrary, dir: &str) -> Result<Vec<u8>> {
    let given = optimise(Toolchain::stable(), &library.project.dir, &options(library), &["cdylib"], dir)?;
    Ok(library.link(&given.join(" "))?.bytes)
}

/// The contents of all files below `folder`, by name.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for name in names_in(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            files.extend(contents(&path)?.into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            files.insert(name, fs::read(path)?);
        }
    }
    Ok(files)
}

/// A function that others import, with a function and a static of its own that then have to be seen.
pub const IMPORTED: &str = "#![no_std]
use core::sync::atomic::{AtomicU64, Ordering};
static SEEN: AtomicU64 = AtomicU64::new(0);
pub fn mixed(x: u64) -> u64 { private(x.rotate_left(7)) ^ x.wrapping_mul(31) }
#[inline(never)]
fn private(x: u64) -> u64 { SEEN.fetch_add(x, Ordering::Relaxed); x }
";

/// The library, whose own modules import from `second`.
pub fn importing(name: &str) -> Result<LtoLibrary> {
    let library = LtoLibrary::compiled(name)?;
    library.project.write("second.rs", IMPORTED)?;
    library.compile_dependency("second")?;
    library.no_link(&[])?;
    Ok(library)
}

#[test]
fn a_change_reaches_those_that_import_it() -> Result<(), Failure> {
    let library = importing("lto_distributed_change")?;
    let dir = &library.project.dir;
    let before = in_parts(&library, "out/before")?;
    library.check()?;
    assert_eq!(in_parts(&library, "out/again")?, before, "the bytes are others the second time");
    assert_eq!(contents(&dir.join("out/again"))?, contents(&dir.join("out/before"))?, "what is handed on is other the second time");
    // The body of a function that nobody imports, and of one that everybody does.
    for (source, from, to, expected) in
        [("first", "11", "13", &["crates/first-1"][..]), ("second", "wrapping_mul(31)", "wrapping_mul(37)", &["crates/second-1", "own"])]
    {
        let text = String::from_utf8_lossy(&library.project.read(&format!("{source}.rs"))?).into_owned();
        assert!(text.contains(from), "nothing to change in {text}");
        library.project.write(&format!("{source}.rs"), text.replace(from, to))?;
        library.compile_dependency(source)?;
        library.no_link(&[])?;
        let after = format!("out/{source}");
        assert_ne!(in_parts(&library, &after)?, before, "{source}");
        library.project.write(&format!("{source}.rs"), text)?;
        library.compile_dependency(source)?;
        library.no_link(&[])?;
        let mut changed = Vec::new();
        for folder in folders(dir, "out/before") {
            let of = |which: &str, kind: &str| contents(&dir.join(which).join(kind).join(&folder));
            if of("out/before", "thin")? != of(&after, "thin")? {
                changed.push(folder);
            } else {
                assert_eq!(of("out/before", "objects")?, of(&after, "objects")?, "{source}: other objects of the same inputs in {folder}");
            }
        }
        assert_eq!(changed, expected, "{source}");
    }
    Ok(())
}

/// Only what a crate's modules import from is in its folder, by names that are the same everywhere.
#[test]
fn what_a_back_end_reads() -> Result<(), Failure> {
    let library = importing("lto_distributed_reads")?;
    in_parts(&library, "out/parts")?;
    let thin = library.project.dir.join("out/parts/thin");
    let bitcode = |folder: &str| names_in(&thin.join(folder).join("0/modules"));
    let of = |folder: &str, krate: &str| bitcode(folder).iter().filter(|name| name.starts_with(krate)).count();
    assert_eq!((of("crates/first-1", "first"), bitcode("crates/first-1").len()), (1, 1), "{:?}", bitcode("crates/first-1"));
    assert!(of("own", "parts.") > 1 && of("own", "second-1") == 1 && of("own", "first-1") == 0, "{:?}", bitcode("own"));
    let cwd = library.project.dir.to_string_lossy().into_owned();
    for (name, bytes) in contents(&thin)? {
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!name.ends_with(".json") && !name.ends_with(".thinlto.bc") || !holds(&cwd), "`{name}` has the name of this folder in it");
    }
    Ok(())
}

/// One thread or several, the objects are the same.
#[test]
fn threads() -> Result<(), Failure> {
    let library = importing("lto_distributed_threads")?;
    in_parts(&library, "out/parts")?;
    let mut one = back_end(Toolchain::stable(), &library.project.dir, "out/parts", "own");
    fs::rename(library.project.dir.join("out/parts/objects/own"), library.project.dir.join("out/all")).context("the objects")?;
    succeed(one.args(["--threads", "1"]))?;
    assert_eq!(contents(&library.project.dir.join("out/parts/objects/own"))?, contents(&library.project.dir.join("out/all"))?);
    Ok(())
}
