//! Without Buck2: its rules load, and its lints are silent.

use splitlink_starlark_tests::buck2::Cell;
use splitlink_starlark_tests::files;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies in the repository")
}

#[test]
fn the_rules_load_and_their_lints_are_silent() {
    let cell = Cell::new(root());
    let is_bzl = |path: &Path| path.extension().is_some_and(|extension| extension == "bzl");
    let all: Vec<_> = ["rules/buck2", "rules/common"].iter().flat_map(|folder| files(&root().join(folder), &is_bzl)).collect();
    assert!(all.len() > 5, "these are the rules: {all:?}");
    for path in &all {
        cell.load_file(path).unwrap_or_else(|message| panic!("{message}"));
        assert_eq!(cell.lints(path), Vec::<String>::new());
    }
    let public = cell.load_file(&root().join("rules/buck2/defs.bzl")).expect("it was loaded above");
    for name in [
        "rust_binary",
        "rust_dylib",
        "rust_library",
        "rust_multi_crate_type",
        "rust_proc_macro",
        "rust_shared_library",
        "rust_static_library",
        "rust_test",
    ] {
        assert!(public.get_option(name).expect("a name").is_some(), "defs.bzl has no {name}");
    }
}

#[test]
fn the_examples_load() {
    let cell = Cell::new(root());
    let all = files(&root().join("examples"), &|path| path.ends_with("BUCK"));
    // Those of the Bazel side, each.
    assert_eq!(all.len(), files(&root().join("examples"), &|path| path.ends_with("BUILD.bazel")).len(), "{all:?}");
    for path in &all {
        cell.load_file(path).unwrap_or_else(|message| panic!("{message}"));
        assert_eq!(cell.lints(path), Vec::<String>::new());
    }
}

#[test]
fn a_prelude_that_does_not_fit_is_named() {
    let message = |change: &dyn Fn(&str) -> String| {
        let cell = Cell::with_prelude(root(), change);
        cell.load_file(&root().join("rules/buck2/defs.bzl")).map(|_| ()).expect_err("the prelude does not fit")
    };
    let old = message(&|prelude| prelude.replace("\"nightly_features\", ", ""));
    assert!(old.contains("splitlink's rules do not fit this prelude: its RustToolchainInfo lacks `nightly_features`"), "{old}");
    assert!(old.contains("take a newer Buck2") && old.contains("take a newer splitlink"), "{old}");
    let new = message(&|prelude| prelude.replace("\"static_pic\"", "\"static_pie\""));
    assert!(new.contains("its LinkStrategy lacks `static_pic`"), "{new}");
    // What is loaded by name and is not there, only the interpreter can tell.
    let renamed = message(&|prelude| prelude.replace("\nstrategy_info = ", "\nstrategy_info_2 = "));
    assert!(renamed.contains("strategy_info") && renamed.contains("rules/buck2/private/prelude.bzl"), "{renamed}");
}

#[test]
fn a_mistake_is_found() {
    let cell = Cell::new(root());
    let dir = std::env::temp_dir().join(format!("splitlink-starlark-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder for temporary files");
    let file = dir.join("wrong.bzl");
    for (text, expected) in [
        ("load(\"@splitlink//rules/buck2:defs.bzl\", \"rust_binari\")\n", "rust_binari"),
        ("def f(x: int) -> str:\n    return x\n", "Expected type `str`"),
        ("def f():\n    return unknown\n", "unknown"),
    ] {
        std::fs::write(&file, text).expect("a temporary file");
        let message = cell.load_file(&file).map(|_| ()).expect_err(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
    std::fs::write(&file, "def f():\n    return 1\n    print(2)\n").expect("a temporary file");
    assert!(cell.load_file(&file).is_ok());
    assert!(cell.lints(&file).iter().any(|lint| lint.contains("Unreachable")), "{:?}", cell.lints(&file));
    std::fs::remove_dir_all(dir).expect("the folder can be removed");
}
