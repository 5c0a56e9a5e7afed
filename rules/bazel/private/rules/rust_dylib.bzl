"""`rust_dylib`: a library crate's dylib, linked from the code that it is compiled to anyway."""

load("@splitlink_compilation_rules//:rust_shared_library.bzl", _rules_rust_rust_shared_library = "crate_compilation")
load("//rules/bazel/private:dylibs.bzl", "DYLIB_ATTRS", "dylib_directories", "find_dylibs", "link_dylibs_into")
load("//rules/bazel/private:macros.bzl", "prefer_dynamic_value")
load("//rules/bazel/private:names.bzl", "DYLIB_TAG", "INNER_SUFFIX", "crate_name", "public_label")
load("//rules/bazel/private:providers.bzl", "DylibInfo", "SplitInfo")
load("//rules/bazel/private:split_aspect.bzl", "split_aspect")
load("//rules/bazel/private:toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")
load("//rules/bazel/private/actions:about.bzl", "declare_about")
load("//rules/bazel/private/actions:dwp.bzl", "declare_dwo_of_lto", "declare_dwp")
load("//rules/bazel/private/actions:link_only.bzl", "declare_link_only")

def _dylib_of_target_impl(ctx):
    split = ctx.attr.target[SplitInfo]
    if split.unsplit:
        # rules_rust then builds what depends on this, and links it statically.
        return [DylibInfo(dylibs = depset(), manifests = depset()), DefaultInfo()]
    if not split.library:
        fail("{} stands for no library".format(public_label(ctx.label)))
    directory = ctx.label.name + ".splitlink"

    # The loader looks for it under the name of its crate.
    stem = split.library.rlib.basename.removesuffix(".rlib")
    dylib = ctx.actions.declare_file("{}/{}.so".format(directory, stem))
    manifest = ctx.actions.declare_file("{}/{}.so.manifest.json".format(directory, stem))
    report = ctx.actions.declare_file(directory + "/report.json")
    dylibs = find_dylibs(ctx, split.link.lto)
    toolchains = find_toolchains(ctx)
    dwo_of_lto = declare_dwo_of_lto(ctx, split.link)
    declare_link_only(
        ctx,
        toolchains,
        split.link,
        {"dylib": dylib},
        report = report,
        manifest = manifest,
        dwo_of_lto = dwo_of_lto,
        dylibs = dylibs,
        dylib_directories = dylib_directories(ctx, directory),
    )
    runtime_files = link_dylibs_into(ctx, dylibs, directory)
    dwp = declare_dwp(ctx, toolchains, split.link, dylib, dwo_of_lto)
    about = declare_about(ctx, toolchains, split.link, ctx.attr.target, dylib, report, "dylib")
    return [
        DylibInfo(
            dylibs = depset([dylib], transitive = [dylibs.dylibs] if dylibs else []),
            manifests = depset([manifest], transitive = [dylibs.manifests] if dylibs else []),
        ),
        OutputGroupInfo(
            dwo = depset([dwo_of_lto] if dwo_of_lto else [], transitive = [split.link.dwos]),
            dwp = depset([dwp] if dwp else []),
            manifest = depset([manifest]),
            modules = depset([split.link.modules]),
            plan = depset([split.link.plan]),
            **about
        ),
        DefaultInfo(
            files = depset([dylib]),
            runfiles = ctx.runfiles(files = [dylib] + runtime_files),
        ),
    ]

dylib_of_target = rule(
    implementation = _dylib_of_target_impl,
    doc = "Links the dylib of the library that `target` stands for; `rust_dylib` declares both.",
    attrs = DYLIB_ATTRS | {
        "target": attr.label(
            doc = "The rules_rust target that says how a shared library of the crate is linked.",
            mandatory = True,
            aspects = [split_aspect],
        ),
    },
    fragments = ["cpp"],
    provides = [DylibInfo],
    toolchains = SPLIT_TOOLCHAINS,
)

def rust_dylib(name, crate, dylibs = [], prefer_dynamic = True, **kwargs):
    """Links a Rust dylib from a `rust_library`, without compiling it again.

    Give it to the `dylibs` of programs, tests, shared libraries and other dylibs. Crates below
    `crate` that are in none of `dylibs` become a part of this one.

    Args:
        name: The target's name.
        crate: The `rust_library`.
        dylibs: Other `rust_dylib` targets that this one may be linked with. Default: none.
        prefer_dynamic: Whether dylibs are preferred to rlibs, the standard library's included: True
            or False. A dylib that has the standard library inside cannot be combined with another.
            Default: True.
        **kwargs: `visibility`, `tags`, `testonly`, `target_compatible_with` and their like, and
            `rustc_flags`, of which only those for the linker count.
    """
    rustc_flags = kwargs.pop("rustc_flags", [])
    inner = {key: kwargs[key] for key in ("testonly", "target_compatible_with", "compatible_with", "features") if key in kwargs}

    # This target says how a shared library of the crate is linked: the linker, its flags and the
    # native libraries. It is never compiled.
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
