"""`rust_binary` through the split."""

load("@splitlink_compilation_rules//:rust_binary.bzl", "crate_compilation")
load("//rules/bazel/private:macros.bzl", "declare_pair")
load(":rust_rules.bzl", _split_rust_binary = "rust_binary")

# What builds the other crate types that rules_rust's rule takes.
_RULES = {
    "cdylib": "rust_shared_library",
    "dylib": "rust_dylib",
    "staticlib": "rust_static_library",
}

def rust_binary(name, **kwargs):
    """Builds a Rust program through the split.

    Args:
        name: The target's name.
        **kwargs: The attributes of rules_rust's `rust_binary`, and `dylibs`, `lto` and
            `prefer_dynamic` (see `split_binary`). `crate_type` takes "bin" alone.
    """
    crate_type = kwargs.get("crate_type", "bin")
    if crate_type in _RULES:
        fail("rust_binary {}: crate_type is {}, and the split builds programs by this rule; use {}".format(
            name,
            repr(crate_type),
            _RULES[crate_type],
        ))
    declare_pair(
        rules_rust_rule = crate_compilation,
        split_rule = _split_rust_binary,
        rule_class = "rust_binary",
        name = name,
        crate_type = "bin",
        attributes = kwargs,
    )
