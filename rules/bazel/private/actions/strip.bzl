"""The action that takes debug information out of what is linked."""

load("//rules/bazel/private:settings.bzl", "DebugCompressionInfo")
load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "new_arguments")

def declare_strip(ctx, toolchains, link, artifact):
    """Declares the action that parts an artifact from its debug information.

    Args:
        ctx: The context of a rule with the attribute `_debug_compression`.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned.
        artifact: What was linked (File).

    Returns:
        A list of Files: the artifact without debug information, and a file with that. Empty for an
        archive, and where the C++ toolchain has no objcopy.
    """
    if artifact.extension == "a" or not toolchains.cc or not toolchains.cc.objcopy_executable:
        return []
    folder = ctx.label.name + ".splitlink/stripped/"
    stripped = ctx.actions.declare_file(folder + artifact.basename)
    debug_file = ctx.actions.declare_file(folder + artifact.basename + ".debug")
    args = new_arguments(ctx)
    args.add("--artifact", artifact)
    args.add("--output", stripped)
    args.add("--debug-file", debug_file)
    args.add("--objcopy", toolchains.cc.objcopy_executable)
    compression = ctx.attr._debug_compression[DebugCompressionInfo].name
    if compression != "none":
        args.add("--compress", compression)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["strip", args],
        inputs = depset([artifact], transitive = [toolchains.cc.all_files]),
        outputs = [stripped, debug_file],
        env = link.env,
        mnemonic = "SplitlinkStrip",
        progress_message = "Stripping Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return [stripped, debug_file]
