"""The two actions that build a Rust library: its metadata, then its code."""

load(":arguments.bzl", "add_dependencies", "file_count", "new_arguments")
load(":toolchains.bzl", "RUST_TOOLCHAIN_TYPE")

def declare_library(ctx, tool, crate, action, deps, replaced, directory, display_name, lto):
    """Declares the actions that build an rlib.

    Neither action depends on the code of any other library.

    Args:
        ctx: The aspect's context.
        tool: What runs as splitlink.
        crate: The library's CrateInfo.
        action: The action with which rules_rust builds it.
        deps: The crate set of its dependencies.
        replaced: A dict whose keys are the files that the split replaces with its own.
        directory: The folder for the outputs, relative to the package.
        display_name: What progress messages call the library.
        lto: Whether the library is compiled for LTO.

    Returns:
        A tuple of the metadata (File) and the library (File).
    """
    rlib = ctx.actions.declare_file("{}/{}".format(directory, crate.output.basename))
    rmeta = ctx.actions.declare_file("{}/{}".format(directory, crate.output.basename.removesuffix(".rlib") + ".rmeta"))

    inputs = depset(
        [f for f in action.inputs.to_list() if f not in replaced],
        transitive = [deps.rmetas, deps.proc_macros],
    )

    metadata_args = new_arguments(ctx)
    metadata_args.add("--output", rmeta)
    add_dependencies(metadata_args, deps, lto)
    ctx.actions.run(
        executable = tool,
        arguments = ["metadata", metadata_args, "--"] + action.args,
        inputs = inputs,
        outputs = [rmeta],
        env = action.env,
        mnemonic = "SplitlinkMetadata",
        progress_message = "Compiling Rust metadata {} {} {}".format(crate.type, display_name, file_count(crate)),
        toolchain = RUST_TOOLCHAIN_TYPE,
    )

    codegen_args = new_arguments(ctx)
    codegen_args.add("--output", rlib)
    codegen_args.add("--published-metadata", rmeta)
    add_dependencies(codegen_args, deps, lto)
    ctx.actions.run(
        executable = tool,
        arguments = ["codegen", codegen_args, "--"] + action.args,
        inputs = depset([rmeta], transitive = [inputs]),
        outputs = [rlib],
        env = action.env,
        mnemonic = "SplitlinkCodegen",
        progress_message = "Compiling Rust {} {} {}".format(crate.type, display_name, file_count(crate)),
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return rmeta, rlib
