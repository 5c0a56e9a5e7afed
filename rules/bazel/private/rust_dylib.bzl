"""`rust_dylib`: a library crate's dylib, linked from the code that it is compiled to anyway."""

load("@rules_rust//rust:defs.bzl", _rules_rust_rust_shared_library = "rust_shared_library")
load(":dylib_rule.bzl", "dylib_of_target")
load(":macros.bzl", "prefer_dynamic_value")
load(":names.bzl", "DYLIB_TAG", "INNER_SUFFIX", "crate_name")

def rust_dylib(name, crate, dylibs = [], prefer_dynamic = True, **kwargs):
    """Links a Rust dylib from a `rust_library`, without compiling it again.

    Give it to the `dylibs` of programs, tests, shared libraries and other dylibs. Crates below `crate` that are in none of `dylibs`
    become a part of this one.

    Args:
        name: The target's name.
        crate: The `rust_library`.
        dylibs: Other `rust_dylib` targets that this one may be linked with. Default: none.
        prefer_dynamic: Whether dylibs are preferred to rlibs, the standard library's included. A dylib that has the standard
            library inside cannot be combined with another. Default: True.
        **kwargs: `visibility`, `tags`, `testonly`, `target_compatible_with` and their like, and `rustc_flags`, of which only those count
            that are for the linker.
    """
    rustc_flags = kwargs.pop("rustc_flags", [])
    inner = {key: kwargs[key] for key in ("testonly", "target_compatible_with", "compatible_with", "features") if key in kwargs}

    # Says how a shared library of this crate is linked: the linker, its flags, native libraries. It is never compiled.
    _rules_rust_rust_shared_library(
        name = name + INNER_SUFFIX,
        srcs = [Label("//rules/bazel/private:dylib.rs")],
        crate_name = crate_name(name) + "_dylib",
        crate_root = Label("//rules/bazel/private:dylib.rs"),
        edition = "2021",
        rustc_flags = rustc_flags,
        tags = (kwargs.get("tags") or []) + ["manual", DYLIB_TAG],
        visibility = ["//visibility:private"],
        deps = [crate],
        **inner
    )
    dylib_of_target(
        name = name,
        dylibs = dylibs,
        prefer_dynamic = prefer_dynamic_value(prefer_dynamic),
        target = ":" + name + INNER_SUFFIX,
        **kwargs
    )
