"""The rules that publish what the split builds of a rules_rust target."""

load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("@rules_rust//rust:defs.bzl", "rust_common")
load(":dylibs.bzl", "DYLIB_ATTRS", "dylib_directories", "find_dylibs", "link_dylibs_into")
load(":forward.bzl", "forward_instrumented_files", "forward_runfiles", "forward_split", "forward_unsplit")
load(":link_only.bzl", "declare_link_only")
load(":link_together.bzl", "LinkedTogetherInfo")
load(":lto_setting.bzl", "LTO_MODES")
load(":names.bzl", "public_label")
load(":notice.bzl", "NoticeInfo")
load(":platform_transition.bzl", "platform_transition")
load(":providers.bzl", "SplitInfo")
load(":rustc_action.bzl", "crate_info_of")
load(":split_aspect.bzl", "split_aspect")
load(":toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")

def _say_unsplit(ctx, split):
    """Says why a target is not split, unless it was said for all targets.

    Args:
        ctx: The rule's context.
        split: The target's SplitInfo.
    """
    if not [notice for notice in ctx.attr._notices if notice[NoticeInfo].said]:
        # buildifier: disable=print
        print("splitlink: rules_rust builds {}, because {}".format(public_label(ctx.label), split.unsplit))

def _link(ctx, split, toolchains, output):
    """Links what a rule publishes.

    Args:
        ctx: The rule's context.
        split: The SplitInfo of the rule's target.
        toolchains: What `find_toolchains` returned.
        output: The artifact to write (File).

    Returns:
        A struct of `report` (the link report, a File) and `runtime_files` (list of File), which the artifact needs when it runs.
    """
    compiled = ctx.attr.compiled[SplitInfo].link if ctx.attr.compiled else split.link
    dylibs = find_dylibs(ctx, compiled.lto)
    directory = ctx.label.name + ".splitlink/dylibs"
    report = ctx.actions.declare_file(ctx.label.name + ".splitlink/report.json")
    declare_link_only(
        ctx,
        toolchains,
        compiled,
        {ctx.attr.crate_type: output},
        report = report,
        dylibs = dylibs,
        dylib_directories = dylib_directories(ctx, directory, in_solib = CcInfo in ctx.attr.target),
    )
    return struct(report = report, runtime_files = link_dylibs_into(ctx, dylibs, directory))

def _executable_impl(ctx):
    target = ctx.attr.target
    split = target[SplitInfo]
    toolchains = find_toolchains(ctx)
    original = target[DefaultInfo].files_to_run.executable
    if not original:
        fail("{} is a {} crate, which nobody can run; use split_library for it".format(
            target.label,
            crate_info_of(target).type,
        ))
    runtime_files = []
    executable = ctx.actions.declare_file((ctx.attr.out or ctx.label.name) + toolchains.rust.binary_ext)
    if split.unsplit:
        _say_unsplit(ctx, split)
        ctx.actions.symlink(output = executable, target_file = original, is_executable = True)
        providers = forward_unsplit(target)
    else:
        linked = _link(ctx, split, toolchains, executable)
        runtime_files = linked.runtime_files
        providers = forward_split(ctx, target, split, toolchains.cc, executable, linked.report)
    if RunEnvironmentInfo in target:
        providers.append(target[RunEnvironmentInfo])
    return providers + [
        split,
        forward_instrumented_files(ctx, target, split, executable),
        DefaultInfo(
            executable = executable,
            files = depset([executable]),
            runfiles = forward_runfiles(ctx, target, split, [executable] + runtime_files),
        ),
    ]

def _library_impl(ctx):
    target = ctx.attr.target
    split = target[SplitInfo]
    toolchains = find_toolchains(ctx)
    crate = crate_info_of(target)
    runtime_files = []
    if split.unsplit:
        _say_unsplit(ctx, split)
        files = target[DefaultInfo].files
        providers = forward_unsplit(target)
        artifact = crate.output
    elif crate.type == "bin":
        fail("{} is a program; use split_binary or split_test for it".format(target.label))
    elif split.artifact:
        artifact = split.artifact
        files = depset([artifact])
        providers = forward_split(ctx, target, split, toolchains.cc, artifact, None)
    elif split.link:
        linked = ctx.attr.linked[LinkedTogetherInfo] if ctx.attr.linked else None
        if linked and linked.artifacts:
            artifact = linked.artifacts[ctx.attr.crate_type]
        else:
            artifact = ctx.actions.declare_file("{}.splitlink/{}".format(ctx.label.name, ctx.attr.out or crate.output.basename))
            linked = _link(ctx, split, toolchains, artifact)
        runtime_files = linked.runtime_files
        files = depset([artifact])
        providers = forward_split(ctx, target, split, toolchains.cc, artifact, linked.report)
    else:
        fail("{} is a {} crate, which is not linked; it needs no rule of its own, rust_library targets are split where they are used".format(
            target.label,
            crate.type,
        ))
    return providers + [
        split,
        forward_instrumented_files(ctx, target, split, artifact),
        DefaultInfo(
            files = files,
            runfiles = forward_runfiles(ctx, target, split, runtime_files),
        ),
    ]

_COMMON_ATTRS = {
    "coverage_crate": attr.label(
        doc = "The crate that the target tests, for `bazel coverage`. Default: none.",
    ),
    "coverage_deps": attr.label_list(
        doc = "Targets whose sources `bazel coverage` reports with this target. Default: none.",
    ),
    "coverage_srcs": attr.label_list(
        doc = "Sources that `bazel coverage` reports for this target. Default: none.",
        allow_files = True,
    ),
    "data": attr.label_list(
        doc = "What `$(location)` in `args` may name; the target's own `data` is in the runfiles without it. Default: none.",
        allow_files = True,
    ),
    "lto": attr.string(
        doc = "Link-time optimisation of the target with all that is linked statically, the standard library included: `off`, `thin` or `fat`. " +
              "Default: what `--@splitlink//rules/bazel:lto` says.",
        values = [""] + list(LTO_MODES),
    ),
    "platform": attr.label(
        doc = "The platform to build for. Default: the one of the build.",
    ),
    "target": attr.label(
        doc = "The rules_rust target to build through the split. It is not built by rules_rust.",
        mandatory = True,
        providers = [[rust_common.crate_info], [rust_common.test_crate_info]],
        aspects = [split_aspect],
    ),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
    "_notices": attr.label_list(
        default = [
            Label("//rules/bazel/private:unsupported_linking"),
            Label("//rules/bazel/private:unsupported_platform"),
        ],
        providers = [NoticeInfo],
    ),
}

_LINKED_ATTRS = _COMMON_ATTRS | DYLIB_ATTRS | {
    "compiled": attr.label(
        doc = "The target whose compilation, for several crate types, serves this one as well. Default: `target` itself.",
        aspects = [split_aspect],
    ),
    "crate_type": attr.string(
        doc = "Which of the crate types of `compiled` this is. Default: the only one of `target`.",
        values = ["", "bin", "cdylib", "dylib", "staticlib"],
    ),
    "linked": attr.label(
        doc = "The `link_together` target that links this one, where LTO is done, with other crate types. Default: none.",
        providers = [LinkedTogetherInfo],
    ),
    "out": attr.string(
        doc = "The file name of the artifact. Default: of a program the target's name, else as rules_rust names it.",
    ),
}

_TEST_ATTRS = _LINKED_ATTRS | {
    # Bazel's coverage runner looks for these two under these names.
    "_collect_cc_coverage": attr.label(
        default = Label("@rules_rust//util/collect_coverage"),
        executable = True,
        cfg = "exec",
    ),
    "_lcov_merger": attr.label(
        default = configuration_field(fragment = "coverage", name = "output_generator"),
        executable = True,
        cfg = "exec",
    ),
}

split_binary = rule(
    implementation = _executable_impl,
    doc = """Builds an existing `rust_binary` through the split, as a program of this target's name.

Use it for a target that one does not own; for one's own, `rust_binary` of this file does both in one.""",
    attrs = _LINKED_ATTRS,
    cfg = platform_transition,
    executable = True,
    fragments = ["cpp"],
    provides = [DefaultInfo, rust_common.crate_info, rust_common.dep_info],
    toolchains = SPLIT_TOOLCHAINS,
)

split_test = rule(
    implementation = _executable_impl,
    doc = "Builds an existing `rust_test` through the split, as a test of this target's name.",
    attrs = _TEST_ATTRS,
    cfg = platform_transition,
    fragments = ["cpp"],
    provides = [DefaultInfo, rust_common.crate_info, rust_common.dep_info],
    test = True,
    toolchains = SPLIT_TOOLCHAINS,
)

def _library_rule(doc, provides, attrs):
    return rule(
        implementation = _library_impl,
        doc = doc,
        attrs = attrs,
        cfg = platform_transition,
        fragments = ["cpp"],
        provides = provides,
        toolchains = SPLIT_TOOLCHAINS,
    )

split_library = _library_rule(
    "Builds an existing `rust_shared_library` or `rust_static_library` through the split.",
    [CcInfo, DefaultInfo, rust_common.test_crate_info],
    _LINKED_ATTRS,
)

split_proc_macro = _library_rule(
    "Builds an existing `rust_proc_macro` through the split.",
    [DefaultInfo, rust_common.crate_info, rust_common.dep_info],
    _COMMON_ATTRS,
)
