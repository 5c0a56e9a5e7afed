"""`rust_multi_crate_type`: several artifacts of one crate."""

load("@splitlink_compilation_rules//:rust_binary.bzl", _rules_rust_rust_binary = "crate_compilation")
load("@splitlink_compilation_rules//:rust_shared_library.bzl", _rules_rust_rust_shared_library = "crate_compilation")
load("@splitlink_compilation_rules//:rust_static_library.bzl", _rules_rust_rust_static_library = "crate_compilation")
load("//rules/bazel/private:crate_root.bzl", "find_crate_root")
load("//rules/bazel/private:macros.bzl", "declare_pair", "prefer_dynamic_value")
load("//rules/bazel/private:names.bzl", "CRATE_TYPES_TAG_PREFIX", "INNER_SUFFIX", "crate_name")
load("//rules/common:lto.bzl", "take_lto_flag")
load(":artifact_group.bzl", "artifact_group")
load(":link_together.bzl", "link_together")
load(":rust_library.bzl", "rust_library")
load(
    ":rust_rules.bzl",
    _split_rust_binary = "rust_binary",
    _split_rust_shared_library = "rust_shared_library",
    _split_rust_static_library = "rust_static_library",
)

_TOGETHER_SUFFIX = "_linked_together"

# For each crate type: the rule of rules_rust whose providers fit, ours, their name, and how the
# artifact of a crate is called.
_RULES = {
    "bin": (_rules_rust_rust_binary, _split_rust_binary, "rust_binary", None),
    "cdylib": (_rules_rust_rust_shared_library, _split_rust_shared_library, "rust_shared_library", "lib{}.so"),
    "dylib": (_rules_rust_rust_shared_library, _split_rust_shared_library, "rust_shared_library", "lib{}.so"),
    "staticlib": (_rules_rust_rust_static_library, _split_rust_static_library, "rust_static_library", "lib{}.a"),
}

# Attributes that an rlib, which is not linked, has no use for.
_LINKED_ONLY = ("args", "experimental_use_cc_common_link", "linker", "linker_script", "lto", "malloc", "platform")

def _pick(attributes, names):
    """Takes the attributes of these names that the user has set."""
    return {name: attributes[name] for name in names if name in attributes}

def _drop(attributes, names):
    """Takes all attributes but those of these names."""
    return {name: value for name, value in attributes.items() if name not in names}

def _declare_compilation(name, libraries, dylibs, prefer_dynamic, tags, attributes):
    """Declares what compiles the libraries among the crate types, and what links them together.

    Args:
        name: The user's name for the target.
        libraries: The crate types that one compilation serves: all but `bin` and `rlib`.
        dylibs: As of `rust_multi_crate_type`.
        prefer_dynamic: As of `rust_multi_crate_type`.
        tags: The user's tags.
        attributes: The user's other attributes (dict).
    """
    _rules_rust_rust_shared_library(
        name = name + INNER_SUFFIX,
        tags = tags + ["manual", CRATE_TYPES_TAG_PREFIX + ",".join(libraries)],
        visibility = ["//visibility:private"],
        **_drop(attributes, ("args", "deprecation", "linker", "lto", "visibility"))
    )
    link_together(
        name = name + _TOGETHER_SUFFIX,
        compiled = ":" + name + INNER_SUFFIX,
        dylibs = dylibs,
        paths = {
            "{}_{}.splitlink/{}".format(name, crate_type, _RULES[crate_type][3].format(attributes["crate_name"])): crate_type
            for crate_type in libraries
        },
        prefer_dynamic = prefer_dynamic_value(prefer_dynamic),
        tags = tags + ["manual"],
        visibility = ["//visibility:private"],
        **_pick(attributes, ("compatible_with", "exec_compatible_with", "features", "linker", "lto", "platform", "target_compatible_with", "testonly"))
    )

def _declare_rlib(name, tags, attributes):
    """Declares the rlib, which is compiled for itself and not linked.

    Args:
        name: The user's name for the target.
        tags: The user's tags.
        attributes: The user's other attributes (dict).
    """
    rust_library(
        name = name + "_rlib",
        crate_root = attributes.get("crate_root") or find_crate_root(name, "lib", attributes),
        tags = tags,
        **_drop(attributes, ("crate_root",) + _LINKED_ONLY)
    )

def _declare_artifact(name, crate_type, attributes):
    """Declares the target of one artifact.

    Args:
        name: The user's name for the target.
        crate_type: A key of _RULES.
        attributes: The user's attributes (dict).
    """
    rules_rust_rule, split_rule, rule_class, out = _RULES[crate_type]
    if crate_type == "bin":
        # rustc compiles no program together with libraries, so this is a compilation of its own.
        published = {}
    else:
        published = {
            "compiled": ":" + name + INNER_SUFFIX,
            "linked_as": crate_type,
            "linked": ":" + name + _TOGETHER_SUFFIX,
            "out": out.format(attributes["crate_name"]),
        }

        # Only the providers of this one are asked for; its files must not be called as those of
        # the one that is compiled.
        attributes = attributes | {"crate_name": "{}_{}".format(attributes["crate_name"], crate_type)}
    declare_pair(
        rules_rust_rule = rules_rust_rule,
        split_rule = split_rule,
        rule_class = rule_class,
        name = "{}_{}".format(name, crate_type),
        crate_type = "bin" if crate_type == "bin" else "lib",
        attributes = attributes,
        published = published,
    )

def rust_multi_crate_type(name, crate_types, dylibs = [], prefer_dynamic = None, **kwargs):
    """Compiles a crate once and links it as several crate types, each with formats of its own.

    A program takes a compilation of its own: rustc refuses to compile one together with other
    crate types. So does an rlib, which is not linked: it is a `rust_library`, for the `deps` of
    other Rust targets, whose metadata is there early. It may stand beside the others with LTO,
    too, which rustc refuses.

    The artifact of a type is the target `<name>_<type>`: `engine_cdylib` and `engine_staticlib`,
    which C and C++ targets may have among their `deps`, `engine_dylib`, `engine_rlib`, and
    `engine_bin`, which `bazel run` runs. The target `name` itself is all of them. Each is an output
    group of it, named as its type: `--output_groups=staticlib`.

    Args:
        name: The target's name.
        crate_types: What to link the crate as, a list of `bin` (of a crate that has a main),
            `cdylib`, `dylib`, `rlib` and `staticlib`. At least one.
        dylibs: `rust_dylib` targets that the artifacts may be linked with, in place of their
            crates' rlibs. Default: none.
        prefer_dynamic: Whether dylibs are preferred to rlibs where the crate type allows it, the
            standard library's included: True or False. Default: what
            `--@splitlink//rules/bazel:linkage` says, which leaves a target with LTO static.
        **kwargs: The attributes of rules_rust's `rust_shared_library`, `linker` and `lto` (see
            `split_library`): artifacts whose formats and exports agree are optimised once for all
            of them.
    """
    if not crate_types or [crate_type for crate_type in crate_types if crate_type not in _RULES and crate_type != "rlib"]:
        fail("rust_multi_crate_type {}: crate_types is {}; it takes {}".format(name, crate_types, ", ".join(sorted(_RULES.keys() + ["rlib"]))))
    attributes = take_lto_flag(name, kwargs)
    if not attributes.get("crate_name"):
        attributes["crate_name"] = crate_name(name)
    tags = attributes.pop("tags", None) or []

    libraries = [crate_type for crate_type in crate_types if crate_type not in ("bin", "rlib")]
    if libraries:
        _declare_compilation(name, libraries, dylibs, prefer_dynamic, tags, attributes)
    if "rlib" in crate_types:
        _declare_rlib(name, tags, attributes)
    linked = attributes | {"dylibs": dylibs, "prefer_dynamic": prefer_dynamic, "tags": tags}
    for crate_type in crate_types:
        if crate_type != "rlib":
            _declare_artifact(name, crate_type, linked)
    artifact_group(
        name = name,
        artifacts = {
            ":{}_{}".format(name, crate_type): crate_type
            for crate_type in crate_types
        },
        tags = tags,
        **_pick(attributes, ("compatible_with", "deprecation", "target_compatible_with", "testonly", "visibility"))
    )
