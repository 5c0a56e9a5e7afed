"""The two actions that build a Rust library: its metadata, then its code."""

load(":arguments.bzl", "add_compilation", "add_dwo", "declare_dwo", "description")
load(":compile_action.bzl", "declare_compile", "new_options")

def declare_library(ctx, tool, crate, inputs):
    """Declares the actions that build an rlib.

    Neither action depends on the code of any other library.

    Args:
        ctx: The aspect's context.
        tool: What runs as splitlink.
        crate: What `new_crate` returned for a library.
        inputs: What is kept of the inputs of rules_rust's action (depset of File).

    Returns:
        A tuple of the metadata (File), the library (File), and the folder of its split debug
        information (a directory File, or None).
    """
    file_name = crate.info.output.basename
    rlib = ctx.actions.declare_file("{}/{}".format(crate.directory, file_name))
    rmeta = ctx.actions.declare_file("{}/{}".format(crate.directory, file_name.removesuffix(".rlib") + ".rmeta"))
    dwo = declare_dwo(ctx, crate)
    inputs = depset(transitive = [inputs, crate.deps.rmetas, crate.deps.proc_macros])

    metadata_args = new_options(ctx, crate, "metadata")
    metadata_args.add("--output", rmeta)
    if crate.interface:
        metadata_args.add("--interface")
    add_dwo(metadata_args, dwo)
    add_compilation(metadata_args, crate)
    declare_compile(
        ctx,
        tool,
        crate,
        metadata_args,
        inputs = inputs,
        outputs = [rmeta],
        mnemonic = "SplitlinkMetadata",
        progress_message = "Compiling Rust metadata {} {}".format(crate.info.type, description(crate)),
    )

    codegen_args = new_options(ctx, crate, "codegen")
    codegen_args.add("--output", rlib)
    codegen_args.add("--published-metadata", rmeta)
    if crate.interface:
        codegen_args.add("--interface")
    add_dwo(codegen_args, dwo)
    add_compilation(codegen_args, crate)
    declare_compile(
        ctx,
        tool,
        crate,
        codegen_args,
        inputs = depset([rmeta], transitive = [inputs]),
        outputs = [rlib] + ([dwo] if dwo else []),
        mnemonic = "SplitlinkCodegen",
        progress_message = "Compiling Rust {} {}".format(crate.info.type, description(crate)),
    )
    return rmeta, rlib, dwo
