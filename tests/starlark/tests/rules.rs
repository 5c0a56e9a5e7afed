//! Without Buck2: its rules load, and its lints are silent.

use splitlink_starlark_tests::{Cell, files};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies in the repository")
}

#[test]
fn the_rules_load_and_their_lints_are_silent() {
    let cell = Cell::new(root());
    let all = files(&root().join("rules/buck2"), &|path| path.extension().is_some_and(|extension| extension == "bzl"));
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
    assert!(all.len() > 3, "these are the examples: {all:?}");
    for path in &all {
        cell.load_file(path).unwrap_or_else(|message| panic!("{message}"));
        assert_eq!(cell.lints(path), Vec::<String>::new());
    }
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
