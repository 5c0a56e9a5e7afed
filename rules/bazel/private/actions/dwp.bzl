"""The action that packs the split debug information of what is linked."""

load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "new_arguments")

def declare_dwp(ctx, toolchains, link, artifact):
    """Declares the action that packs the `.dwo` files that an artifact refers to.

    Args:
        ctx: The context of a rule.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned.
        artifact: What was linked (File).

    Returns:
        The package (File), beside the artifact; None where there is nothing to pack: debug
        information is not split, or the artifact is an archive.
    """
    if not link.split_debug_info or artifact.extension == "a":
        return None
    dwp = ctx.actions.declare_file(artifact.basename + ".dwp", sibling = artifact)
    args = new_arguments(ctx)
    args.add("--output", dwp)
    args.add("--artifact", artifact)
    args.add_all(link.dwos, before_each = "--dwo-dir", expand_directories = False)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["dwp", args],
        inputs = depset([artifact], transitive = [link.dwos]),
        outputs = [dwp],
        mnemonic = "SplitlinkDwp",
        progress_message = "Packing debug information of Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return dwp
