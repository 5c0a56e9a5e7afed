"""The rules that publish what the split builds of a rules_rust target.

`rust_rules.bzl` has those of one's own targets. Here are what they do, and the rules over targets
of others.
"""

load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("@rules_rust//rust:defs.bzl", "rust_common")
load("//rules/bazel/private:dylibs.bzl", "DYLIB_ATTRS", "dylib_directories", "find_dylibs", "link_dylibs_into")
load("//rules/bazel/private:forward.bzl", "forward_instrumented_files", "forward_library", "forward_runfiles", "forward_split", "forward_unsplit")
load("//rules/bazel/private:names.bzl", "INNER_SUFFIX", "public_crate_name", "public_label")
load("//rules/bazel/private:platform_transition.bzl", "platform_transition")
load("//rules/bazel/private:providers.bzl", "SplitInfo")
load("//rules/bazel/private:rustc_action.bzl", "crate_info_of")
load("//rules/bazel/private:settings.bzl", "DebugCompressionInfo", "FallbackInfo", "say_fallback")
load("//rules/bazel/private:split_aspect.bzl", "split_aspect")
load("//rules/bazel/private:toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")
load("//rules/bazel/private/actions:about.bzl", "declare_about")
load("//rules/bazel/private/actions:dwp.bzl", "declare_dwo_of_lto", "declare_dwp")
load("//rules/bazel/private/actions:link_only.bzl", "declare_link_only")
load("//rules/bazel/private/actions:strip.bzl", "declare_strip")
load("//rules/common:lto.bzl", "LTO_MODES")
load(":link_together.bzl", "LinkedTogetherInfo")
load(":notice.bzl", "NoticeInfo")

def _say_unsplit(ctx, split):
    """Says why a target is not split, unless that was said.

    A notice may have said it for all targets, a target below for what depends on it, and the user
    for himself.

    Args:
        ctx: The rule's context.
        split: The target's SplitInfo.

    Returns:
        The SplitInfo to publish.
    """
    if not split.as_asked and not split.told and not [notice for notice in ctx.attr._notices if notice[NoticeInfo].said]:
        say_fallback(ctx.attr._fallback[FallbackInfo], "rules_rust builds {} and what depends on it, because {}".format(
            public_label(ctx.label),
            split.unsplit,
        ), split.help)
    fields = {name: getattr(split, name) for name in dir(split) if name not in ("to_json", "to_proto")}
    return SplitInfo(**(fields | {"told": True}))

def _is_own(ctx):
    # Else the target behind is somebody's, with artifacts where this one's would be.
    return ctx.attr.target.label.name == ctx.label.name + INNER_SUFFIX

def _library_place(ctx, crate):
    """Finds where an artifact goes that C or compilers load.

    Args:
        ctx: The rule's context.
        crate: The CrateInfo of the rules_rust target.

    Returns:
        A path relative to the package: where rules_rust's own target of this name would have it.
    """
    out = getattr(ctx.attr, "out", "")
    if out or not _is_own(ctx):
        return "{}.splitlink/{}".format(ctx.label.name, out or crate.output.basename)
    extension = crate.output.basename.removeprefix("lib").partition(".")[2]
    if crate.type == "proc-macro":
        # As rules_rust's determine_output_hash; the target behind has a label of its own.
        return "lib{}-{}.{}".format(crate.name, abs(hash(crate.root.path) + hash(repr(ctx.label))), extension)
    return "lib{}.{}".format(public_crate_name(ctx.attr.target.label, crate.name), extension)

def _link(ctx, split, toolchains, output):
    """Links what a rule publishes.

    Args:
        ctx: The rule's context.
        split: The SplitInfo of the rule's target.
        toolchains: What `find_toolchains` returned.
        output: The artifact to write (File).

    Returns:
        A struct of `groups` (output groups of the artifact, a dict from name to depset) and
        `runtime_files` (a list of the Files that the artifact needs when it runs).
    """
    target = ctx.attr.compiled or ctx.attr.target
    compiled = ctx.attr.compiled[SplitInfo].link if ctx.attr.compiled else split.link
    dylibs = find_dylibs(ctx, compiled.lto)
    directory = ctx.label.name + ".splitlink/dylibs"
    report = ctx.actions.declare_file(ctx.label.name + ".splitlink/report.json")
    dwo_of_lto = declare_dwo_of_lto(ctx, compiled)
    declare_link_only(
        ctx,
        toolchains,
        compiled,
        {ctx.attr.linked_as: output},
        report = report,
        dwo_of_lto = dwo_of_lto,
        dylibs = dylibs,
        dylib_directories = dylib_directories(ctx, directory, in_solib = CcInfo in ctx.attr.target),
    )
    dwp = declare_dwp(ctx, toolchains, compiled, output, dwo_of_lto)
    return struct(
        groups = declare_about(ctx, toolchains, compiled, target, output, report, ctx.attr.linked_as) | {
            "dwo": depset([dwo_of_lto] if dwo_of_lto else []),
            "dwp": depset([dwp] if dwp else []),
            "stripped": depset(declare_strip(ctx, toolchains, compiled, output)),
        },
        runtime_files = link_dylibs_into(ctx, dylibs, directory),
    )

def split_executable_impl(ctx):
    """Publishes a program or a test.

    Args:
        ctx: The rule's context.

    Returns:
        A list of providers.
    """
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
    name = getattr(ctx.attr, "binary_name", "") or ctx.attr.out or ctx.label.name
    executable = ctx.actions.declare_file(name + toolchains.rust.binary_ext)
    if split.unsplit:
        split = _say_unsplit(ctx, split)
        ctx.actions.symlink(output = executable, target_file = original, is_executable = True)
        providers = forward_unsplit(target)
    else:
        linked = _link(ctx, split, toolchains, executable)
        runtime_files = linked.runtime_files
        providers = forward_split(ctx, target, split, toolchains.cc, executable, linked.groups)
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

def split_library_impl(ctx):
    """Publishes a library for C or a proc macro.

    Args:
        ctx: The rule's context.

    Returns:
        A list of providers.
    """
    target = ctx.attr.target
    split = target[SplitInfo]
    toolchains = find_toolchains(ctx)
    crate = crate_info_of(target)
    runtime_files = []
    if split.unsplit:
        split = _say_unsplit(ctx, split)
        files = target[DefaultInfo].files
        providers = forward_unsplit(target)
        artifact = crate.output
        if public_crate_name(target.label, crate.name) != crate.name:
            artifact = ctx.actions.declare_file(_library_place(ctx, crate))
            ctx.actions.symlink(output = artifact, target_file = crate.output)
            files = depset([artifact])
    elif crate.type == "bin":
        fail("{} is a program; use split_binary or split_test for it".format(target.label))
    elif split.artifact:
        artifact = split.artifact
        files = depset([artifact])
        providers = forward_split(ctx, target, split, toolchains.cc, artifact, {})
        if _is_own(ctx):
            # rust-analyzer looks for it among the target's own actions.
            link = ctx.actions.declare_file(_library_place(ctx, crate))
            ctx.actions.symlink(output = link, target_file = artifact)
            files = depset([link])
    elif split.link:
        linked = ctx.attr.linked[LinkedTogetherInfo] if ctx.attr.linked else None
        if linked and linked.artifacts:
            artifact = linked.artifacts[ctx.attr.linked_as]
            compiled = ctx.attr.compiled
            link = compiled[SplitInfo].link
            dwp = declare_dwp(ctx, toolchains, link, artifact, linked.dwo_of_lto)
            groups = declare_about(ctx, toolchains, link, compiled, artifact, linked.report, ctx.attr.linked_as) | {
                "dwo": depset([linked.dwo_of_lto] if linked.dwo_of_lto else []),
                "dwp": depset([dwp] if dwp else []),
            }
        else:
            artifact = ctx.actions.declare_file(_library_place(ctx, crate))
            linked = _link(ctx, split, toolchains, artifact)
            groups = linked.groups
        runtime_files = linked.runtime_files
        files = depset([artifact])
        providers = forward_split(ctx, target, split, toolchains.cc, artifact, groups)
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

def split_rlib_impl(ctx):
    """Publishes a Rust library.

    What the split does not build, clippy's check for one, is compiled against rules_rust's build of
    it, of which only CrateInfo and its kin speak. A build of the target itself is the split's.

    Args:
        ctx: The rule's context.

    Returns:
        A list of providers.
    """
    target = ctx.attr.target
    split = target[SplitInfo]
    if split.unsplit:
        split = _say_unsplit(ctx, split)
        files = target[DefaultInfo].files
        artifact = crate_info_of(target).output
    else:
        artifact = split.library.rlib
        files = depset([artifact])
    return forward_library(ctx, target, split) + [
        split,
        forward_instrumented_files(ctx, target, split, artifact),
        DefaultInfo(
            files = files,
            runfiles = forward_runfiles(ctx, target, split, []),
        ),
    ]

# The attributes of every rule.
SPLIT_ATTRS = {
    "data": attr.label_list(
        doc = "Targets and files that `$(location)` in `args` may name. The `data` of `target` " +
              "is in the runfiles without it. Default: none.",
        allow_files = True,
    ),
    "lto": attr.string(
        doc = "Link-time optimisation of the target with all that is linked into it, the " +
              "standard library included: `off`, `thin` or `fat`. Default: what " +
              "`--@splitlink//rules/bazel:lto` says.",
        values = [""] + LTO_MODES,
    ),
    "platform": attr.label(
        doc = "The platform to build for. Default: that of the build.",
    ),
    "target": attr.label(
        doc = "The rules_rust target to build through the split. rules_rust does not build it.",
        mandatory = True,
        providers = [[rust_common.crate_info], [rust_common.test_crate_info]],
        aspects = [split_aspect],
    ),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
    "_fallback": attr.label(
        default = Label("//rules/bazel:fallback"),
        providers = [FallbackInfo],
    ),
    "_notices": attr.label_list(
        default = [
            Label("//rules/bazel/private:unsupported_linking"),
            Label("//rules/bazel/private:unsupported_platform"),
        ],
        providers = [NoticeInfo],
    ),
}

# The attributes of every rule but those of proc macros and of libraries, which it does not link.
LINKED_ATTRS = SPLIT_ATTRS | DYLIB_ATTRS | {
    "_debug_compression": attr.label(
        default = Label("//rules/bazel:debug_compression"),
        providers = [DebugCompressionInfo],
    ),
    "compiled": attr.label(
        doc = "A target that is compiled for several crate types, this one among them. It is " +
              "linked in place of `target`, which only says what it is. Default: none.",
        aspects = [split_aspect],
    ),
    "linked_as": attr.string(
        doc = "Which of the crate types of `compiled` to link: `bin`, `cdylib`, `dylib` or " +
              "`staticlib`. Default: the only one of `target`.",
        values = ["", "bin", "cdylib", "dylib", "staticlib"],
    ),
    "linked": attr.label(
        doc = "The `link_together` target that, with LTO, links this one and other crate types. " +
              "Default: none.",
        providers = [LinkedTogetherInfo],
    ),
    "out": attr.string(
        doc = "The file name of the artifact. Default: of a program or test the target's name, " +
              "of all else the name that rules_rust gives it.",
    ),
}

# The attributes of tests besides.
COVERAGE_ATTRS = {
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
    implementation = split_executable_impl,
    doc = """Builds an existing `rust_binary` through the split, as a program of this target's name.

It is for targets that one does not own. For one's own, `rust_binary` of defs.bzl does both in one.
""",
    attrs = LINKED_ATTRS,
    cfg = platform_transition,
    executable = True,
    fragments = ["cpp"],
    provides = [DefaultInfo, rust_common.crate_info, rust_common.dep_info],
    toolchains = SPLIT_TOOLCHAINS,
)

split_test = rule(
    implementation = split_executable_impl,
    doc = "Builds an existing `rust_test` through the split, as a test of this target's name.",
    attrs = LINKED_ATTRS | COVERAGE_ATTRS,
    cfg = platform_transition,
    fragments = ["cpp"],
    provides = [DefaultInfo, rust_common.crate_info, rust_common.dep_info],
    test = True,
    toolchains = SPLIT_TOOLCHAINS,
)

def _library_rule(doc, provides, attrs):
    return rule(
        implementation = split_library_impl,
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
    LINKED_ATTRS,
)

split_proc_macro = _library_rule(
    "Builds an existing `rust_proc_macro` through the split.",
    [DefaultInfo, rust_common.crate_info, rust_common.dep_info],
    SPLIT_ATTRS,
)
