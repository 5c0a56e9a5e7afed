"""The two actions that build a Rust library: its metadata, then its code."""

load(":arguments.bzl", "add_dependencies", "file_count")
load(":compile_action.bzl", "declare_compile", "new_options")

def declare_library(ctx, tool, crate, original, deps, replaced, directory, display_name, opt_level, lto):
    """Declares the actions that build an rlib.

    Neither action depends on the code of any other library.

    Args:
        ctx: The aspect's context.
        tool: What runs as splitlink.
        crate: The library's CrateInfo.
        original: What of rules_rust's action is run (see compile_action.bzl).
        deps: The crate set of its dependencies.
        replaced: A dict whose keys are the files that the split replaces with its own.
        directory: The folder for the outputs, relative to the package.
        display_name: What progress messages call the library.
        opt_level: The crate's opt-level in place of rules_rust's, or the empty string.
        lto: Whether the library is compiled for LTO.

    Returns:
        A tuple of the metadata (File) and the library (File).
    """
    rlib = ctx.actions.declare_file("{}/{}".format(directory, crate.output.basename))
    rmeta = ctx.actions.declare_file("{}/{}".format(directory, crate.output.basename.removesuffix(".rlib") + ".rmeta"))

    inputs = depset(
        [f for f in original.inputs.to_list() if f not in replaced],
        transitive = [deps.rmetas, deps.proc_macros],
    )

    metadata_args = new_options(ctx, original, "metadata")
    metadata_args.add("--output", rmeta)
    add_dependencies(metadata_args, deps, lto, opt_level)
    declare_compile(
        ctx,
        tool,
        original,
        "metadata",
        metadata_args,
        inputs = inputs,
        outputs = [rmeta],
        mnemonic = "SplitlinkMetadata",
        progress_message = "Compiling Rust metadata {} {} {}".format(crate.type, display_name, file_count(crate)),
    )

    codegen_args = new_options(ctx, original, "codegen")
    codegen_args.add("--output", rlib)
    codegen_args.add("--published-metadata", rmeta)
    add_dependencies(codegen_args, deps, lto, opt_level)
    declare_compile(
        ctx,
        tool,
        original,
        "codegen",
        codegen_args,
        inputs = depset([rmeta], transitive = [inputs]),
        outputs = [rlib],
        mnemonic = "SplitlinkCodegen",
        progress_message = "Compiling Rust {} {} {}".format(crate.type, display_name, file_count(crate)),
    )
    return rmeta, rlib
