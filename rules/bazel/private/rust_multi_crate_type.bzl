"""`rust_multi_crate_type`: several artifacts of one crate."""

load(
    "@rules_rust//rust:defs.bzl",
    _rules_rust_rust_binary = "rust_binary",
    _rules_rust_rust_library = "rust_library",
    _rules_rust_rust_shared_library = "rust_shared_library",
    _rules_rust_rust_static_library = "rust_static_library",
)
load("//rules/common:lto_flag.bzl", "take_lto_flag")
load(":artifact_group.bzl", "artifact_group")
load(":crate_root.bzl", "find_crate_root")
load(":link_together.bzl", "link_together")
load(":macros.bzl", "declare_pair", "prefer_dynamic_value")
load(":names.bzl", "CRATE_TYPES_TAG_PREFIX", "INNER_SUFFIX", "crate_name")
load(":split_rules.bzl", "split_binary", "split_library")

_TOGETHER_SUFFIX = "_linked_together"

# For each crate type: the rule of rules_rust whose providers fit, ours, and how the artifact of a crate is called.
_RULES = {
    "bin": (_rules_rust_rust_binary, split_binary, None),
    "cdylib": (_rules_rust_rust_shared_library, split_library, "lib{}.so"),
    "dylib": (_rules_rust_rust_shared_library, split_library, "lib{}.so"),
    "staticlib": (_rules_rust_rust_static_library, split_library, "lib{}.a"),
}

# Attributes that a library, which is not linked, has no use for.
_OF_LINKED = ("args", "experimental_use_cc_common_link", "linker_script", "lto", "malloc", "platform")

def rust_multi_crate_type(name, crate_types, dylibs = [], prefer_dynamic = None, **kwargs):
    """Compiles a crate once and links it as each of several crate types, each with its own dependency formats.

    A program takes a compilation of its own: rustc refuses to compile one together with other crate types. So does an rlib, which is
    not linked: it is a `rust_library`, for the `deps` of other Rust targets, whose metadata is there early. With LTO rustc refuses
    rlibs beside other crate types; here that is no matter.

    The artifact of a type is the target `<name>_<type>`: `engine_cdylib`, `engine_staticlib` (both may be among the `deps` of
    C and C++ targets), `engine_dylib`, `engine_rlib`, `engine_bin` (which `bazel run` runs). The target `name` itself is all of them, each in an
    output group named as its type: `--output_groups=staticlib`.

    Args:
        name: The target's name.
        crate_types: A list of `bin` (of a crate that has a main), `cdylib`, `dylib`, `rlib`, `staticlib`.
        dylibs: `rust_dylib` targets that they may be linked with, in place of their crates' rlibs. Default: none.
        prefer_dynamic: Whether dylibs are preferred to rlibs where the crate type allows it, the standard library's included.
            Default: what `--@splitlink//rules/bazel:linkage` says.
        **kwargs: The attributes of rules_rust's `rust_shared_library`, and `lto` (see `split_library`): artifacts whose dependency
            formats and exports agree are optimised once for all of them.
    """
    unknown = [crate_type for crate_type in crate_types if crate_type not in _RULES and crate_type != "rlib"]
    if unknown or not crate_types:
        fail("rust_multi_crate_type {}: crate_types is {}; it takes {}".format(name, crate_types, ", ".join(sorted(_RULES.keys() + ["rlib"]))))
    kwargs = take_lto_flag(name, kwargs)
    if not kwargs.get("crate_name"):
        kwargs["crate_name"] = crate_name(name)
    tags = kwargs.pop("tags", None) or []

    # rustc compiles no program together with libraries, so that is a compilation of its own.
    libraries = [crate_type for crate_type in crate_types if crate_type not in ("bin", "rlib")]
    if libraries:
        inner = {key: value for key, value in kwargs.items() if key not in ("args", "deprecation", "lto", "visibility")}
        _rules_rust_rust_shared_library(
            name = name + INNER_SUFFIX,
            tags = tags + ["manual", CRATE_TYPES_TAG_PREFIX + ",".join(libraries)],
            visibility = ["//visibility:private"],
            **inner
        )
        link_together(
            name = name + _TOGETHER_SUFFIX,
            compiled = ":" + name + INNER_SUFFIX,
            dylibs = dylibs,
            paths = {
                "{}_{}.splitlink/{}".format(name, crate_type, _RULES[crate_type][2].format(kwargs["crate_name"])): crate_type
                for crate_type in libraries
            },
            prefer_dynamic = prefer_dynamic_value(prefer_dynamic),
            tags = tags + ["manual"],
            visibility = ["//visibility:private"],
            **{
                key: kwargs[key]
                for key in ("compatible_with", "exec_compatible_with", "features", "lto", "platform", "target_compatible_with", "testonly")
                if key in kwargs
            }
        )
    linking = {"dylibs": dylibs, "prefer_dynamic": prefer_dynamic, "tags": tags}
    if "rlib" in crate_types:
        _rules_rust_rust_library(
            name = name + "_rlib",
            crate_root = kwargs.get("crate_root") or find_crate_root(name, "lib", kwargs.get("srcs")),
            tags = tags,
            **{key: value for key, value in kwargs.items() if key not in ("crate_root",) + _OF_LINKED}
        )
    for crate_type in crate_types:
        if crate_type == "rlib":
            continue
        rules_rust_rule, split_rule, out = _RULES[crate_type]
        is_program = crate_type == "bin"
        declare_pair(
            rules_rust_rule = rules_rust_rule,
            split_rule = split_rule,
            name = "{}_{}".format(name, crate_type),
            crate_type = "bin" if is_program else "lib",
            # Of a library's only the providers are asked for; its files must not be called as those of the one that is compiled.
            attributes = kwargs | linking | ({} if is_program else {"crate_name": "{}_{}".format(kwargs["crate_name"], crate_type)}),
            published = {} if is_program else {
                "compiled": ":" + name + INNER_SUFFIX,
                "crate_type": crate_type,
                "linked": ":" + name + _TOGETHER_SUFFIX,
                "out": out.format(kwargs["crate_name"]),
            },
        )
    artifact_group(
        name = name,
        artifacts = {
            ":{}_{}".format(name, crate_type): crate_type
            for crate_type in crate_types
        },
        tags = tags,
        **{
            key: kwargs[key]
            for key in ("compatible_with", "deprecation", "target_compatible_with", "testonly", "visibility")
            if key in kwargs
        }
    )
