"""`rust_test` through the split."""

load("@rules_rust//rust:defs.bzl", _rules_rust_rust_test = "rust_test")
load(":macros.bzl", "declare_pair")
load(":split_rules.bzl", "split_test")

def rust_test(name, **kwargs):
    """Builds a Rust test through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_test`, and `dylibs` and `prefer_dynamic` (see
            `split_test`).
    """
    declare_pair(
        rules_rust_rule = _rules_rust_rust_test,
        split_rule = split_test,
        name = name,
        crate_type = "lib" if kwargs.get("use_libtest_harness", True) else "bin",
        attributes = kwargs,
    )
