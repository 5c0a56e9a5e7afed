"""The rule that links a library crate's dylib."""

load(":dylibs.bzl", "DYLIB_ATTRS", "DylibInfo", "dylib_directories", "find_dylibs", "link_dylibs_into")
load(":link_only.bzl", "declare_link_only")
load(":names.bzl", "public_label")
load(":providers.bzl", "SplitInfo")
load(":split_aspect.bzl", "split_aspect")
load(":toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")

def _dylib_of_target_impl(ctx):
    split = ctx.attr.target[SplitInfo]
    if split.unsplit:
        # Elsewhere everything is linked statically, by rules_rust.
        return [DylibInfo(dylibs = depset(), manifests = depset()), DefaultInfo()]
    if not split.library:
        fail("{} stands for no library".format(public_label(ctx.label)))
    directory = ctx.label.name + ".splitlink"

    # Named as its crate, for this is the name under which the loader looks for it.
    stem = split.library.rlib.basename.removesuffix(".rlib")
    dylib = ctx.actions.declare_file("{}/{}.so".format(directory, stem))
    manifest = ctx.actions.declare_file("{}/{}.so.manifest.json".format(directory, stem))
    report = ctx.actions.declare_file(directory + "/report.json")
    dylibs = find_dylibs(ctx, split.link.lto)
    declare_link_only(
        ctx,
        find_toolchains(ctx),
        split.link,
        {"dylib": dylib},
        report = report,
        manifest = manifest,
        dylibs = dylibs,
        dylib_directories = dylib_directories(ctx, directory),
    )
    runtime_files = link_dylibs_into(ctx, dylibs, directory)
    return [
        DylibInfo(
            dylibs = depset([dylib], transitive = [dylibs.dylibs] if dylibs else []),
            manifests = depset([manifest], transitive = [dylibs.manifests] if dylibs else []),
        ),
        OutputGroupInfo(
            manifest = depset([manifest]),
            modules = depset([split.link.modules]),
            plan = depset([split.link.plan]),
            report = depset([report]),
        ),
        DefaultInfo(
            files = depset([dylib]),
            runfiles = ctx.runfiles(files = [dylib] + runtime_files),
        ),
    ]

dylib_of_target = rule(
    implementation = _dylib_of_target_impl,
    doc = "Links the dylib of the library that its target stands for; `rust_dylib` declares both.",
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
