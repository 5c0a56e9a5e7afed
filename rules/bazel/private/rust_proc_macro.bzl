"""`rust_proc_macro` through the split."""

load("@rules_rust//rust:defs.bzl", _rules_rust_rust_proc_macro = "rust_proc_macro")
load(":macros.bzl", "declare_pair")
load(":split_rules.bzl", "split_proc_macro")

def rust_proc_macro(name, **kwargs):
    """Builds a Rust procedural macro through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_proc_macro`.
    """
    declare_pair(
        rules_rust_rule = _rules_rust_rust_proc_macro,
        split_rule = split_proc_macro,
        name = name,
        crate_type = "lib",
        attributes = kwargs,
        coverage = False,
    )
