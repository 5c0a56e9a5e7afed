"""`rust_binary` through the split."""

load("@splitlink_compilation_rules//:rust_binary.bzl", "crate_compilation")
load("//rules/bazel/private:macros.bzl", "declare_pair")
load(":rust_rules.bzl", _split_rust_binary = "rust_binary")

def rust_binary(name, **kwargs):
    """Builds a Rust program through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_binary`, and `dylibs`, `lto` and
            `prefer_dynamic` (see `split_binary`).
    """
    declare_pair(
        rules_rust_rule = crate_compilation,
        split_rule = _split_rust_binary,
        rule_class = "rust_binary",
        name = name,
        crate_type = "bin",
        attributes = kwargs,
    )
