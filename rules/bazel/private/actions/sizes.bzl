"""The action that tells what is in an artifact."""

load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "new_arguments")

def declare_sizes(ctx, toolchains, link, artifact, report, crate_type = ""):
    """Declares the action that tells what is in an artifact, by crate and function.

    Args:
        ctx: The context of a rule.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned.
        artifact: What was linked (File).
        report: The report of that link (File).
        crate_type: The artifact's crate type. Default: the plan's only one.

    Returns:
        The sizes file (File); None for an archive.
    """
    if artifact.extension == "a":
        return None
    sizes = ctx.actions.declare_file(ctx.label.name + ".splitlink/sizes.json")
    args = new_arguments(ctx)
    args.add("--output", sizes)
    args.add("--artifact", artifact)
    args.add("--plan", link.plan)
    args.add_all("--modules", [link.modules], expand_directories = False)
    args.add_all(link.rlibs, before_each = "--rlib")
    args.add("--sysroot", link.sysroot)
    args.add("--report", report)
    if crate_type:
        args.add("--crate-type", crate_type)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["sizes", args],
        inputs = depset([artifact, link.plan, link.modules, report], transitive = [link.inputs, link.rlibs]),
        outputs = [sizes],
        mnemonic = "SplitlinkSizes",
        progress_message = "Telling what is in Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return sizes
