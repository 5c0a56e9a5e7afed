"""The Rust dylibs that a target may be linked with, and how it finds them when it runs."""

load("//rules/common:linkage.bzl", "prefers_dynamic")
load(":providers.bzl", "DylibInfo", "StdDylibInfo")
load(":settings.bzl", "LINKERS", "LinkageInfo", "LinkerInfo", "LtoCacheInfo", "SwitchInfo")
load(":toolchains.bzl", "find_toolchains")

# The attributes of every rule that links.
DYLIB_ATTRS = {
    "dylibs": attr.label_list(
        doc = "`rust_dylib` targets that this one may be linked with, in place of their crates' " +
              "rlibs. They count where dylibs are preferred. Default: none.",
        providers = [DylibInfo],
    ),
    "linker": attr.string(
        doc = "The linker: `lld` of the Rust toolchain, `mold` or `wild` of the splitlink toolchain " +
              "or of the search path for programs, or `default`, what rustc asks for. Default: what " +
              "`--@splitlink//rules/bazel:linker` says.",
        values = [""] + LINKERS,
    ),
    "prefer_dynamic": attr.int(
        doc = "Whether dylibs are preferred to rlibs, the standard library's included: 1 for " +
              "yes, 0 for no, -1 for what `--@splitlink//rules/bazel:linkage` says, which " +
              "leaves a target with LTO static. Default: -1.",
        default = -1,
        values = [-1, 0, 1],
    ),
    "_auditable": attr.label(
        default = Label("//rules/bazel:auditable"),
        providers = [SwitchInfo],
    ),
    "_linkage": attr.label(
        default = Label("//rules/bazel:linkage"),
        providers = [LinkageInfo],
    ),
    "_linker": attr.label(
        default = Label("//rules/bazel:linker"),
        providers = [LinkerInfo],
    ),
    "_lto_cache": attr.label(
        default = Label("//rules/bazel:lto_cache"),
        providers = [LtoCacheInfo],
    ),
    "_lto_distributed": attr.label(
        default = Label("//rules/bazel:lto_distributed"),
        providers = [SwitchInfo],
    ),
    "_report_times": attr.label(
        default = Label("//rules/bazel:report_times"),
        providers = [SwitchInfo],
    ),
    "_sizes_before": attr.label(
        default = Label("//rules/bazel:sizes_before"),
        allow_files = True,
    ),
    "_std_dylib": attr.label(
        default = Label("//rules/bazel/private:std_dylib"),
        providers = [StdDylibInfo],
    ),
}

def find_dylibs(ctx, lto):
    """Finds what a target may be linked with dynamically.

    Args:
        ctx: The context of a rule with DYLIB_ATTRS.
        lto: The target's mode of LTO, one of LTO_MODES.

    Returns:
        A struct of `dylibs` and `manifests` (depsets of File), `of_setting` (whether only a setting
        asks for them, and not the target itself) and `std` (the StdDylibInfo); None if everything
        is linked statically.
    """
    asked = {-1: None, 0: False, 1: True}[ctx.attr.prefer_dynamic]

    # rules_rust's own setting for the same (experimental_link_std_dylib). It gives rustc
    # `-Cprefer-dynamic` then.
    links_std_dylib = getattr(find_toolchains(ctx).rust, "_experimental_link_std_dylib", False)
    if not prefers_dynamic(asked, ctx.attr._linkage[LinkageInfo].dynamic or links_std_dylib, lto):
        return None
    return struct(
        dylibs = depset(transitive = [dep[DylibInfo].dylibs for dep in ctx.attr.dylibs]),
        manifests = depset(transitive = [dep[DylibInfo].manifests for dep in ctx.attr.dylibs]),
        of_setting = asked == None,
        std = ctx.attr._std_dylib[StdDylibInfo],
    )

def dylib_directories(ctx, directory, in_solib = False):
    """Says where an artifact finds its dylibs when it runs.

    Args:
        ctx: The rule's context.
        directory: The folder, relative to the package, that holds links to them.
        in_solib: Whether C and C++ targets load the artifact, which they do by a link of their own.

    Returns:
        A list for `declare_link_only`.
    """
    package = [part for part in (ctx.label.package, directory) if part]
    built = "/".join([part for part in [ctx.label.workspace_root] + package if part])
    directories = [ctx.bin_dir.path + "/" + built]
    if in_solib:
        # That link is in _solib_<cpu>/<library>/, which lies beside the packages both in the
        # output folder and in runfiles.
        directories.append("$ORIGIN/../../" + built)
        if ctx.label.repo_name:
            directories.append("$ORIGIN/../../../" + "/".join([ctx.label.repo_name] + package))
    return directories

def link_dylibs_into(ctx, dylibs, directory):
    """Makes links to all dylibs in one folder, to which one run path leads from every place.

    Args:
        ctx: The rule's context.
        dylibs: What `find_dylibs` returned; may be None.
        directory: The folder, relative to the package.

    Returns:
        A list of File.
    """
    if not dylibs:
        return []
    links = []
    for file in dylibs.dylibs.to_list() + ([dylibs.std.dylib] if dylibs.std.dylib else []):
        link = ctx.actions.declare_file("{}/{}".format(directory, file.basename))
        ctx.actions.symlink(output = link, target_file = file)
        links.append(link)
    return links
