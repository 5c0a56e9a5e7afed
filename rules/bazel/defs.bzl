"""Rust rules that build every linked crate in two actions, one that compiles and one that links.

They replace their namesakes in `@rules_rust//rust:defs.bzl`, attribute by attribute:

    load("@splitlink//rules/bazel:defs.bzl", "rust_binary", "rust_library", "rust_test")

`rust_dylib` links a dylib from a `rust_library` that is compiled anyway. `rust_multi_crate_type`
compiles a crate once for several artifacts.

`split_binary`, `split_test`, `split_library` and `split_proc_macro` do the same for a rules_rust
target that exists already.
"""

load("@rules_rust//rust:defs.bzl", _rust_library_group = "rust_library_group")
load("//rules/bazel/private/rules:rust_binary.bzl", _rust_binary = "rust_binary")
load("//rules/bazel/private/rules:rust_dylib.bzl", _rust_dylib = "rust_dylib")
load("//rules/bazel/private/rules:rust_library.bzl", _rust_library = "rust_library")
load("//rules/bazel/private/rules:rust_multi_crate_type.bzl", _rust_multi_crate_type = "rust_multi_crate_type")
load("//rules/bazel/private/rules:rust_proc_macro.bzl", _rust_proc_macro = "rust_proc_macro")
load("//rules/bazel/private/rules:rust_shared_library.bzl", _rust_shared_library = "rust_shared_library")
load("//rules/bazel/private/rules:rust_static_library.bzl", _rust_static_library = "rust_static_library")
load("//rules/bazel/private/rules:rust_test.bzl", _rust_test = "rust_test")
load("//rules/bazel/private/rules:rust_test_suite.bzl", _rust_test_suite = "rust_test_suite")
load(
    "//rules/bazel/private/rules:split_rules.bzl",
    _split_binary = "split_binary",
    _split_library = "split_library",
    _split_proc_macro = "split_proc_macro",
    _split_test = "split_test",
)

rust_binary = _rust_binary
rust_dylib = _rust_dylib
rust_library = _rust_library
rust_multi_crate_type = _rust_multi_crate_type
rust_proc_macro = _rust_proc_macro
rust_shared_library = _rust_shared_library
rust_static_library = _rust_static_library
rust_test = _rust_test
rust_test_suite = _rust_test_suite

# Names other targets, and builds nothing.
rust_library_group = _rust_library_group

split_binary = _split_binary
split_library = _split_library
split_proc_macro = _split_proc_macro
split_test = _split_test
