"""The rules of one's own targets, under the names of rules_rust's rule classes.

Queries, `--test_lang_filters` and the aspects of others know a target by its rule class and its
attributes. A macro of the same name declares each with rules_rust's own target, which `target` is.
"""

load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("@rules_rust//rust:defs.bzl", "rust_common")
load("//rules/bazel/private:attributes.bzl", "RUST_ATTRS")
load("//rules/bazel/private:platform_transition.bzl", "platform_transition")
load("//rules/bazel/private:toolchains.bzl", "SPLIT_TOOLCHAINS")
load(
    ":split_rules.bzl",
    "COVERAGE_ATTRS",
    "LINKED_ATTRS",
    "SPLIT_ATTRS",
    "split_executable_impl",
    "split_library_impl",
    "split_rlib_impl",
)

_CRATE_PROVIDERS = [DefaultInfo, rust_common.crate_info, rust_common.dep_info]
_C_LIBRARY_PROVIDERS = [CcInfo, DefaultInfo, rust_common.test_crate_info]

rust_binary = rule(
    implementation = split_executable_impl,
    doc = "A Rust program, built through the split.",
    attrs = LINKED_ATTRS | RUST_ATTRS["rust_binary"],
    cfg = platform_transition,
    executable = True,
    fragments = ["cpp"],
    provides = _CRATE_PROVIDERS,
    toolchains = SPLIT_TOOLCHAINS,
)

rust_test = rule(
    implementation = split_executable_impl,
    doc = "A Rust test, built through the split.",
    attrs = LINKED_ATTRS | COVERAGE_ATTRS | RUST_ATTRS["rust_test"],
    cfg = platform_transition,
    fragments = ["cpp"],
    provides = _CRATE_PROVIDERS,
    test = True,
    toolchains = SPLIT_TOOLCHAINS,
)

rust_shared_library = rule(
    implementation = split_library_impl,
    doc = "A shared library for C, built through the split.",
    attrs = LINKED_ATTRS | RUST_ATTRS["rust_shared_library"],
    cfg = platform_transition,
    fragments = ["cpp"],
    provides = _C_LIBRARY_PROVIDERS,
    toolchains = SPLIT_TOOLCHAINS,
)

rust_static_library = rule(
    implementation = split_library_impl,
    doc = "A static library for C, built through the split.",
    attrs = LINKED_ATTRS | RUST_ATTRS["rust_static_library"],
    cfg = platform_transition,
    fragments = ["cpp"],
    provides = _C_LIBRARY_PROVIDERS,
    toolchains = SPLIT_TOOLCHAINS,
)

rust_proc_macro = rule(
    implementation = split_library_impl,
    doc = "A proc macro, built through the split.",
    attrs = SPLIT_ATTRS | RUST_ATTRS["rust_proc_macro"],
    cfg = platform_transition,
    fragments = ["cpp"],
    provides = _CRATE_PROVIDERS,
    toolchains = SPLIT_TOOLCHAINS,
)

rust_library = rule(
    implementation = split_rlib_impl,
    doc = "A Rust library, built through the split.",
    attrs = {name: SPLIT_ATTRS[name] for name in ("data", "target", "_fallback", "_notices")} | RUST_ATTRS["rust_library"],
    fragments = ["cpp"],
    provides = _CRATE_PROVIDERS,
    toolchains = SPLIT_TOOLCHAINS,
)
