"""Rust rules that build every linked crate in two actions, one that compiles and one that links.

They replace their namesakes in the prelude, attribute by attribute:

    load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_test")

`rust_dylib` links a dylib from a `rust_library` that is compiled anyway. `rust_multi_crate_type`
compiles a crate once for several artifacts. Libraries are the prelude's own `rust_library`. All
need the toolchain of `toolchain.bzl`.
"""

load("//rules/buck2/private/rules:rust_binary.bzl", _rust_binary = "rust_binary")
load("//rules/buck2/private/rules:rust_dylib.bzl", _rust_dylib = "rust_dylib")
load("//rules/buck2/private/rules:rust_multi_crate_type.bzl", _rust_multi_crate_type = "rust_multi_crate_type")
load("//rules/buck2/private/rules:rust_proc_macro.bzl", _rust_proc_macro = "rust_proc_macro")
load("//rules/buck2/private/rules:rust_shared_library.bzl", _rust_shared_library = "rust_shared_library")
load("//rules/buck2/private/rules:rust_static_library.bzl", _rust_static_library = "rust_static_library")
load("//rules/buck2/private/rules:rust_test.bzl", _rust_test = "rust_test")

rust_binary = _rust_binary
rust_dylib = _rust_dylib
rust_multi_crate_type = _rust_multi_crate_type
rust_proc_macro = _rust_proc_macro
rust_shared_library = _rust_shared_library
rust_static_library = _rust_static_library
rust_test = _rust_test

# Libraries are not linked, so this is the prelude's own. The toolchain compiles it in two actions.
rust_library = native.rust_library
