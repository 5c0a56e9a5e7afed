"""`rust_binary` through the split."""

load("@rules_rust//rust:defs.bzl", _rules_rust_rust_binary = "rust_binary")
load(":macros.bzl", "declare_pair")
load(":split_rules.bzl", "split_binary")

def rust_binary(name, binary_name = None, **kwargs):
    """Builds a Rust program through the split.

    Args:
        name: The target's name.
        binary_name: The program's file name. Default: the target's name.
        **kwargs: The attributes of rules_rust's `rust_binary`, and `dylibs` and `prefer_dynamic` (see
            `split_binary`).
    """
    declare_pair(
        rules_rust_rule = _rules_rust_rust_binary,
        split_rule = split_binary,
        name = name,
        crate_type = "bin",
        attributes = kwargs,
        published = {"out": binary_name},
    )
