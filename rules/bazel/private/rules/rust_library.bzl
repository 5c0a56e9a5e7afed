"""`rust_library` through the split."""

load("@splitlink_compilation_rules//:rust_library.bzl", "crate_compilation")
load("//rules/bazel/private:macros.bzl", "declare_pair")
load(":rust_rules.bzl", _split_rust_library = "rust_library")

def rust_library(name, **kwargs):
    """Builds a Rust library through the split.

    It is compiled as its dependents would have it compiled. rules_rust compiles it again for
    targets only that the split does not build.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_library`.
    """
    declare_pair(
        rules_rust_rule = crate_compilation,
        split_rule = _split_rust_library,
        rule_class = "rust_library",
        name = name,
        crate_type = "lib",
        attributes = kwargs,
    )
