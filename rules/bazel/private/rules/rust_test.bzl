"""`rust_test` through the split."""

load("@splitlink_compilation_rules//:rust_test.bzl", "crate_compilation")
load("//rules/bazel/private:macros.bzl", "declare_pair")
load(":rust_rules.bzl", _split_rust_test = "rust_test")

def rust_test(name, **kwargs):
    """Builds a Rust test through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_test`, and `dylibs`, `lto` and
            `prefer_dynamic` (see `split_test`).
    """
    declare_pair(
        rules_rust_rule = crate_compilation,
        split_rule = _split_rust_test,
        rule_class = "rust_test",
        name = name,
        crate_type = "lib" if kwargs.get("use_libtest_harness", True) else "bin",
        attributes = kwargs,
    )
