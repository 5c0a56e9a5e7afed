"""`rust_shared_library` through the split."""

load("@rules_rust//rust:defs.bzl", _rules_rust_rust_shared_library = "rust_shared_library")
load(":macros.bzl", "declare_pair")
load(":split_rules.bzl", "split_library")

def rust_shared_library(name, **kwargs):
    """Builds a Rust cdylib through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_shared_library`, and `dylibs` and `prefer_dynamic` (see
            `split_library`).
    """
    declare_pair(
        rules_rust_rule = _rules_rust_rust_shared_library,
        split_rule = split_library,
        name = name,
        crate_type = "lib",
        attributes = kwargs,
    )
