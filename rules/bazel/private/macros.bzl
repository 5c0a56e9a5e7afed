"""Macros that declare a rules_rust target and, over it, the target that builds it through the split."""

load("//rules/common:lto_flag.bzl", "take_lto_flag")
load(":crate_root.bzl", "find_crate_root")
load(":names.bzl", "INNER_SUFFIX", "crate_name")

# Of what matters to the published target only.
_PUBLISHED = (
    "args",
    "deprecation",
    "dylibs",
    "flaky",
    "local",
    "lto",
    "shard_count",
    "size",
    "timeout",
    "visibility",
)

# Of what matters to both.
_SHARED = (
    "applicable_licenses",
    "compatible_with",
    "data",
    "exec_compatible_with",
    "exec_properties",
    "features",
    "package_metadata",
    "platform",
    "restricted_to",
    "tags",
    "target_compatible_with",
    "testonly",
    "toolchains",
)

def prefer_dynamic_value(value):
    """Gives the number that the rules take for `prefer_dynamic`.

    Args:
        value: True, False, or None for what the build setting says; or a number or `select` already.

    Returns:
        The value of the rules' attribute.
    """
    return {None: -1, False: 0, True: 1}.get(value, value) if type(value) in ("NoneType", "bool") else value

def declare_pair(rules_rust_rule, split_rule, name, crate_type, attributes, published = {}, coverage = True):
    """Declares a target twice: by rules_rust's rule, which nobody builds, and by ours, which builds it through the split.

    Args:
        rules_rust_rule: The rule of rules_rust.
        split_rule: The rule of the split.
        name: The user's name for the target.
        crate_type: "bin" or "lib", as far as it decides where the crate's root is looked for.
        attributes: The user's attributes (dict).
        published: Attributes of `split_rule` that no rules_rust rule has (dict).
        coverage: Whether the target takes part in `bazel coverage`.
    """
    inner = take_lto_flag(name, attributes)
    published = dict(published)
    if "prefer_dynamic" in inner:
        published["prefer_dynamic"] = prefer_dynamic_value(inner.pop("prefer_dynamic"))
    for attribute in _PUBLISHED:
        if attribute in inner:
            published[attribute] = inner.pop(attribute)
    for attribute in _SHARED:
        if attribute in inner:
            published[attribute] = inner[attribute]
    if coverage:
        published.update(
            coverage_crate = inner.get("crate"),
            coverage_deps = inner.get("deps"),
            coverage_srcs = inner.get("srcs"),
        )

    # rules_rust derives these from the target's name, and the inner target's is not the user's.
    if not inner.get("crate_name"):
        inner["crate_name"] = crate_name(name)
    if not inner.get("crate_root"):
        inner["crate_root"] = find_crate_root(name, crate_type, inner.get("srcs"))
    if not inner.get("crate"):
        inner["rustc_env"] = {"CARGO_PKG_NAME": name} | (inner.get("rustc_env") or {})

    rules_rust_rule(
        name = name + INNER_SUFFIX,
        **(inner | {
            "tags": (inner.get("tags") or []) + ["manual"],
            "visibility": ["//visibility:private"],
        })
    )
    split_rule(
        name = name,
        target = ":" + name + INNER_SUFFIX,
        **published
    )
