"""The Rust dylibs that a target may be linked with, and what it takes to find them when it runs."""

load(":linkage_setting.bzl", "LinkageInfo")
load(":lto_cache_setting.bzl", "LtoCacheInfo")
load(":report_times_setting.bzl", "ReportTimesInfo")
load(":std_dylib.bzl", "StdDylibInfo")

DylibInfo = provider(
    doc = "A Rust dylib and those that it may need.",
    fields = {
        "dylibs": "depset[File]: it and the others.",
        "manifests": "depset[File]: the manifests of all of them, each beside its dylib.",
    },
)

# What every rule that links has.
DYLIB_ATTRS = {
    "dylibs": attr.label_list(
        doc = "`rust_dylib` targets that the target may be linked with, in place of their crates' rlibs; it is where dylibs are preferred. " +
              "Default: none.",
        providers = [DylibInfo],
    ),
    "prefer_dynamic": attr.int(
        doc = "Whether dylibs are preferred to rlibs, the standard library's included: 1 for yes, 0 for no, -1 for what " +
              "`--@splitlink//rules/bazel:linkage` says, which leaves a target with LTO static. Default: -1.",
        default = -1,
        values = [-1, 0, 1],
    ),
    "_linkage": attr.label(
        default = Label("//rules/bazel:linkage"),
        providers = [LinkageInfo],
    ),
    "_lto_cache": attr.label(
        default = Label("//rules/bazel:lto_cache"),
        providers = [LtoCacheInfo],
    ),
    "_report_times": attr.label(
        default = Label("//rules/bazel:report_times"),
        providers = [ReportTimesInfo],
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
        lto: How link-time optimisation is done; where it is, the build setting leaves the target static.

    Returns:
        A struct of `prefer_dynamic` (bool), `dylibs` and `manifests` (depsets of File), `std` (the StdDylibInfo); None if
        everything is to be linked statically.
    """
    preferred = ctx.attr.prefer_dynamic
    by_setting = lto == "off" and ctx.attr._linkage[LinkageInfo].prefer_dynamic
    if preferred == 0 or (preferred == -1 and not by_setting):
        return None
    return struct(
        dylibs = depset(transitive = [dep[DylibInfo].dylibs for dep in ctx.attr.dylibs]),
        manifests = depset(transitive = [dep[DylibInfo].manifests for dep in ctx.attr.dylibs]),
        prefer_dynamic = True,
        std = ctx.attr._std_dylib[StdDylibInfo],
    )

def dylib_directories(ctx, directory, in_solib = False):
    """Says where an artifact finds its dylibs when it runs.

    Args:
        ctx: The rule's context.
        directory: The folder, relative to the package, that holds links to them.
        in_solib: Whether C and C++ targets load the artifact, which they do through a link of their own.

    Returns:
        A list for `declare_link_only`.
    """
    package = [part for part in (ctx.label.package, directory) if part]
    built = "/".join([part for part in [ctx.label.workspace_root] + package if part])
    directories = [ctx.bin_dir.path + "/" + built]
    if in_solib:
        # That link is in _solib_<cpu>/<library>/, next to the packages where things are built and in runfiles.
        directories.append("$ORIGIN/../../" + built)
        if ctx.label.repo_name:
            directories.append("$ORIGIN/../../../" + "/".join([ctx.label.repo_name] + package))
    return directories

def link_dylibs_into(ctx, dylibs, directory):
    """Makes links to all dylibs in one folder, where a program finds them by a run path that is right in every place.

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
