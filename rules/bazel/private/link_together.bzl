"""One action that links a crate as several crate types, so that those whose formats agree share a run of LTO."""

load(":dylibs.bzl", "DYLIB_ATTRS", "dylib_directories", "find_dylibs", "link_dylibs_into")
load(":link_only.bzl", "declare_link_only")
load(":lto_setting.bzl", "LTO_MODES")
load(":platform_transition.bzl", "platform_transition")
load(":providers.bzl", "SplitInfo")
load(":split_aspect.bzl", "split_aspect")
load(":toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")

LinkedTogetherInfo = provider(
    doc = "What one action linked.",
    fields = {
        "artifacts": "dict[str, File]: the artifact of each crate type; empty without LTO, when each is linked by an action of its own.",
        "report": "File: the link report of all of them.",
        "runtime_files": "list[File]: what they need when they run.",
    },
)

def _link_together_impl(ctx):
    split = ctx.attr.compiled[SplitInfo]

    # Without LTO they have nothing to share, and who asks for one had better not wait for the others.
    if split.unsplit or split.link.lto == "off":
        return [LinkedTogetherInfo(artifacts = {}, report = None, runtime_files = [])]
    dylibs = find_dylibs(ctx, split.link.lto)
    directory = ctx.label.name + ".splitlink/dylibs"
    report = ctx.actions.declare_file(ctx.label.name + ".splitlink/report.json")
    artifacts = {crate_type: ctx.actions.declare_file(path) for path, crate_type in ctx.attr.paths.items()}
    declare_link_only(
        ctx,
        find_toolchains(ctx),
        split.link,
        artifacts,
        report = report,
        dylibs = dylibs,
        dylib_directories = dylib_directories(ctx, directory, in_solib = True),
    )
    return [LinkedTogetherInfo(
        artifacts = artifacts,
        report = report,
        runtime_files = link_dylibs_into(ctx, dylibs, directory),
    )]

link_together = rule(
    implementation = _link_together_impl,
    doc = "Links the crate types of `rust_multi_crate_type` where LTO is done; the targets of the single artifacts pass them on.",
    attrs = DYLIB_ATTRS | {
        "compiled": attr.label(
            doc = "The rules_rust target whose compilation serves all crate types.",
            mandatory = True,
            aspects = [split_aspect],
        ),
        "lto": attr.string(
            doc = "As the artifacts have it.",
            values = [""] + list(LTO_MODES),
        ),
        "paths": attr.string_dict(
            doc = "Where each artifact goes, below the package, and its crate type.",
            mandatory = True,
        ),
        "platform": attr.label(
            doc = "As the artifacts have it.",
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
