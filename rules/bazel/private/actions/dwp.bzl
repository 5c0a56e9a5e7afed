"""The action that packs the split debug information of what is linked."""

load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "new_arguments")

def _dwo(file):
    # A crate has a folder of them, a C or C++ source a file.
    return ["--dwo-dir" if file.is_directory else "--dwo", file.path]

def declare_dwo_of_lto(ctx, link):
    """Declares the folder for the `.dwo` files of what LTO makes.

    Args:
        ctx: The context of a rule.
        link: What `new_link` returned.

    Returns:
        The folder (a directory File), for `declare_link_only` and `declare_dwp`; None without LTO, or
        if debug information is not split.
    """
    if not link.split_debug_info or link.lto == "off":
        return None
    return ctx.actions.declare_directory(ctx.label.name + ".splitlink/dwo_of_lto")

def declare_dwp(ctx, toolchains, link, artifact, dwo_of_lto):
    """Declares the action that packs the `.dwo` files that an artifact refers to.

    Args:
        ctx: The context of a rule.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned.
        artifact: What was linked (File).
        dwo_of_lto: What `declare_dwo_of_lto` returned.

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
    dwos = depset([dwo_of_lto] if dwo_of_lto else [], transitive = [link.dwos])
    args.add_all(dwos, map_each = _dwo, expand_directories = False)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["dwp", args],
        inputs = depset([artifact], transitive = [dwos]),
        outputs = [dwp],
        mnemonic = "SplitlinkDwp",
        progress_message = "Packing debug information of Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return dwp
