"""`rust_static_library` through the split."""

load("@splitlink_compilation_rules//:rust_static_library.bzl", "crate_compilation")
load("//rules/bazel/private:macros.bzl", "declare_pair")
load(":rust_rules.bzl", _split_rust_static_library = "rust_static_library")

def rust_static_library(name, **kwargs):
    """Builds a Rust staticlib through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_static_library`, and `lto` (see
            `split_library`).
    """
    declare_pair(
        rules_rust_rule = crate_compilation,
        split_rule = _split_rust_static_library,
        rule_class = "rust_static_library",
        name = name,
        crate_type = "lib",
        attributes = kwargs,
    )
