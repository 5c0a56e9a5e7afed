//! Without Bazel: the rules, examples and tests name nothing that Bazel 7, 8 or 9 does not know.

use splitlink_starlark_tests::bazel::{BazelModule, Version};
use splitlink_starlark_tests::files;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies in the repository")
}

#[test]
fn rules_and_examples_load_with_every_version() {
    let wanted = |path: &Path| {
        let of_buck2 = path.components().any(|part| part.as_os_str() == "buck2" || part.as_os_str() == "buck2_workspace");
        !of_buck2 && (path.extension().is_some_and(|extension| extension == "bzl") || path.ends_with("BUILD.bazel"))
    };
    let folders = ["rules", "examples", "tools", "tests/bazel_rules", "tests/tool"];
    let all: Vec<_> = folders.iter().flat_map(|folder| files(&root().join(folder), &wanted)).chain([root().join("BUILD.bazel")]).collect();
    assert!(all.len() > 50, "these are the files: {all:?}");
    for version in [7, 8, 9] {
        let module = BazelModule::new(root(), Version(version));
        for path in &all {
            let is_bzl = path.extension().is_some_and(|extension| extension == "bzl");
            let checked = if is_bzl { module.load_file(path).map(drop) } else { module.check_build_file(path) };
            checked.unwrap_or_else(|message| panic!("Bazel {version}: {message}"));
        }
    }
}

#[test]
fn what_a_version_does_not_know_is_named() {
    let folder = std::env::temp_dir().join(format!("splitlink-bazel-names-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let message = |file: &str, text: &str, version: u32| {
        std::fs::write(folder.join(file), text).expect("a file");
        let module = BazelModule::new(&folder, Version(version));
        let path = folder.join(file);
        if file == "BUILD.bazel" { module.check_build_file(&path) } else { module.load_file(&path).map(drop) }.expect_err("it is wrong")
    };
    let inside = message("a.bzl", "def f(ctx):\n    return ctx.attr.dep[CcInfo]\n", 9);
    assert!(inside.contains("CcInfo") && inside.contains("a.bzl:2"), "{inside}");
    let native = message("BUILD.bazel", "cc_library(name = \"a\")\n", 9);
    assert!(native.contains("cc_library"), "{native}");
    let elsewhere = message("b.bzl", "load(\":none.bzl\", \"none\")\n", 8);
    assert!(elsewhere.contains("none.bzl"), "{elsewhere}");
    let unloaded = message("c.bzl", "load(\":d.bzl\", \"e\")\n", 7);
    assert!(unloaded.contains("d.bzl"), "{unloaded}");
    std::fs::write(folder.join("d.bzl"), "").expect("a file");
    for file in ["c.bzl", "BUILD.bazel"] {
        let undefined = message(file, "load(\":d.bzl\", \"misspelt\")\n", 7);
        assert!(undefined.contains("misspelt"), "{undefined}");
    }
    // Bazel 8 still has what 9 has not.
    std::fs::write(folder.join("a.bzl"), "def f(ctx):\n    return ctx.attr.dep[CcInfo]\n").expect("a file");
    assert!(BazelModule::new(&folder, Version(8)).load_file(&folder.join("a.bzl")).is_ok());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}
