"""`rust_proc_macro` through the split."""

load("@splitlink_compilation_rules//:rust_proc_macro.bzl", "crate_compilation")
load("//rules/bazel/private:macros.bzl", "declare_pair")
load(":rust_rules.bzl", _split_rust_proc_macro = "rust_proc_macro")

def rust_proc_macro(name, **kwargs):
    """Builds a Rust proc macro through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_proc_macro`, and `lto` (see
            `split_proc_macro`).
    """
    declare_pair(
        rules_rust_rule = crate_compilation,
        split_rule = _split_rust_proc_macro,
        rule_class = "rust_proc_macro",
        name = name,
        crate_type = "lib",
        attributes = kwargs,
    )
