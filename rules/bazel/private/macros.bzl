"""Declares a rules_rust target and, over it, the target that builds it through the split."""

load("@splitlink_compilation_rules//:names.bzl", "encode_label_as_crate_name")
load("//rules/common:lto.bzl", "take_lto_flag")
load(":attributes.bzl", "RUST_ATTRS")
load(":crate_root.bzl", "find_crate_root")
load(":names.bzl", "INNER_CRATE_SUFFIX", "INNER_SUFFIX", "crate_name")

# Attributes that only the published target takes.
_PUBLISHED = (
    "args",
    "deprecation",
    "dylibs",
    "flaky",
    "linker",
    "local",
    "lto",
    "shard_count",
    "size",
    "timeout",
    "visibility",
)

# Attributes that both targets take, beside those of RUST_ATTRS.
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

# The rules whose artifact rules_rust names by the crate alone.
_NAMED_BY_CRATE = ("rust_shared_library", "rust_static_library")

# rules_rust's default for its setting `third_party_dir`.
_THIRD_PARTY = "third_party/rust"

def prefer_dynamic_value(value):
    """Gives the number that the rules take for `prefer_dynamic`.

    Args:
        value: True or False, None for what the build setting says, or a number or `select`.

    Returns:
        The value of the rules' attribute.
    """
    return {None: -1, False: 0, True: 1}.get(value, value) if type(value) in ("NoneType", "bool") else value

def _inner_crate_name(name, rule_class, given):
    """Names the crate of rules_rust's target, as the published target's own name would have it.

    Args:
        name: The user's name for the target.
        rule_class: A key of RUST_ATTRS.
        given: The user's `crate_name`: a string, a `select` or None.

    Returns:
        The value of the attribute.
    """
    plain = given or crate_name(name)
    package = native.package_name() + "/"
    if not given and native.repository_name() == "@" and not package.startswith(_THIRD_PARTY + "/"):
        plain = select({
            Label("//rules/bazel/private:rename_first_party_crates"): encode_label_as_crate_name(native.package_name(), name),
            "//conditions:default": plain,
        })
    if rule_class not in _NAMED_BY_CRATE:
        return plain

    # Where rules_rust builds the crate after all, its name and place are right as they are.
    return plain + select({
        Label("//rules/bazel/private:linked_by_rustc_linux_aarch64"): INNER_CRATE_SUFFIX,
        Label("//rules/bazel/private:linked_by_rustc_linux_x86_64"): INNER_CRATE_SUFFIX,
        "//conditions:default": "",
    })

def declare_pair(rules_rust_rule, split_rule, rule_class, name, crate_type, attributes, published = {}):
    """Declares a target twice, by rules_rust's rule and by ours.

    Nobody builds the first. Ours builds it through the split.

    Args:
        rules_rust_rule: The rule of rules_rust.
        split_rule: The rule of the split.
        rule_class: The name of the rule, a key of RUST_ATTRS.
        name: The user's name for the target.
        crate_type: "bin" or "lib": whether main.rs or lib.rs is the crate's root.
        attributes: The user's attributes (dict).
        published: Attributes of `split_rule` that no rules_rust rule has (dict). Default: none.
    """
    inner = take_lto_flag(name, attributes)
    published = dict(published)
    if "prefer_dynamic" in inner:
        published["prefer_dynamic"] = prefer_dynamic_value(inner.pop("prefer_dynamic"))
    for attribute in _PUBLISHED:
        if attribute in inner:
            published[attribute] = inner.pop(attribute)
    for attribute in _SHARED + tuple(RUST_ATTRS[rule_class]):
        if attribute in inner:
            published[attribute] = inner[attribute]

    # rules_rust derives these from the target's name, and the inner target's is not the user's.
    if not inner.get("crate_root"):
        inner["crate_root"] = find_crate_root(name, crate_type, inner)
    inner["crate_name"] = _inner_crate_name(name, rule_class, inner.get("crate_name"))
    inner.pop("binary_name", None)  # The published target has the place of this name.
    if rule_class == "rust_test":
        inner["testonly"] = True  # As every test is; this target is none.
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
