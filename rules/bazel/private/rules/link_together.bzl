"""Links a crate as several crate types in one action.

Those whose formats agree then share a run of LTO.
"""

load("//rules/bazel/private:dylibs.bzl", "DYLIB_ATTRS", "dylib_directories", "find_dylibs", "link_dylibs_into")
load("//rules/bazel/private:platform_transition.bzl", "platform_transition")
load("//rules/bazel/private:providers.bzl", "SplitInfo")
load("//rules/bazel/private:split_aspect.bzl", "split_aspect")
load("//rules/bazel/private:toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")
load("//rules/bazel/private/actions:dwp.bzl", "declare_dwo_of_lto")
load("//rules/bazel/private/actions:link_only.bzl", "declare_link_only")
load("//rules/common:lto.bzl", "LTO_MODES")

LinkedTogetherInfo = provider(
    doc = "What one action linked.",
    fields = {
        "artifacts": "dict[str, File]: the artifact of each crate type. Empty without LTO: each " +
                     "then has an action of its own.",
        "dwo_of_lto": "File: the folder of their split debug information; None without.",
        "report": "File: the link report of all of them; None without LTO.",
        "runtime_files": "list[File]: what they need when they run.",
    },
)

def _link_together_impl(ctx):
    split = ctx.attr.compiled[SplitInfo]

    # Without LTO they have nothing to share, and each need not wait for the others.
    if split.unsplit or split.link.lto == "off":
        return [LinkedTogetherInfo(artifacts = {}, dwo_of_lto = None, report = None, runtime_files = [])]
    dylibs = find_dylibs(ctx, split.link.lto)
    directory = ctx.label.name + ".splitlink/dylibs"
    report = ctx.actions.declare_file(ctx.label.name + ".splitlink/report.json")
    artifacts = {crate_type: ctx.actions.declare_file(path) for path, crate_type in ctx.attr.paths.items()}
    dwo_of_lto = declare_dwo_of_lto(ctx, split.link)
    declare_link_only(
        ctx,
        find_toolchains(ctx),
        split.link,
        artifacts,
        report = report,
        dwo_of_lto = dwo_of_lto,
        dylibs = dylibs,
        dylib_directories = dylib_directories(ctx, directory, in_solib = True),
    )
    return [LinkedTogetherInfo(
        artifacts = artifacts,
        dwo_of_lto = dwo_of_lto,
        report = report,
        runtime_files = link_dylibs_into(ctx, dylibs, directory),
    )]

link_together = rule(
    implementation = _link_together_impl,
    doc = "With LTO, links the crate types of `rust_multi_crate_type` together. The targets of " +
          "the single artifacts pass them on.",
    attrs = DYLIB_ATTRS | {
        "compiled": attr.label(
            doc = "The rules_rust target whose compilation serves all crate types.",
            mandatory = True,
            aspects = [split_aspect],
        ),
        "lto": attr.string(
            doc = "Link-time optimisation: `off`, `thin` or `fat`. Default: what " +
                  "`--@splitlink//rules/bazel:lto` says. The artifacts' own targets have the same.",
            values = [""] + LTO_MODES,
        ),
        "paths": attr.string_dict(
            doc = "The place of each artifact, relative to the package, and its crate type.",
            mandatory = True,
        ),
        "platform": attr.label(
            doc = "The platform to build for. Default: that of the build. The artifacts' own " +
                  "targets have the same.",
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    cfg = platform_transition,
    fragments = ["cpp"],
    provides = [LinkedTogetherInfo],
    toolchains = SPLIT_TOOLCHAINS,
)
