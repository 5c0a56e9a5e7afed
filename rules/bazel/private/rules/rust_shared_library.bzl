"""`rust_shared_library` through the split."""

load("@splitlink_compilation_rules//:rust_shared_library.bzl", "crate_compilation")
load("//rules/bazel/private:macros.bzl", "declare_pair")
load(":rust_rules.bzl", _split_rust_shared_library = "rust_shared_library")

def rust_shared_library(name, **kwargs):
    """Builds a Rust cdylib through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_shared_library`, and `dylibs`, `lto` and
            `prefer_dynamic` (see `split_library`).
    """
    declare_pair(
        rules_rust_rule = crate_compilation,
        split_rule = _split_rust_shared_library,
        rule_class = "rust_shared_library",
        name = name,
        crate_type = "lib",
        attributes = kwargs,
    )
