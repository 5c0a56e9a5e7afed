"""The action that compiles a crate which is to be linked."""

load(":arguments.bzl", "add_dependencies", "file_count", "new_arguments")
load(":toolchains.bzl", "RUST_TOOLCHAIN_TYPE")

def declare_no_link(ctx, tool, crate, action, inputs, deps, directory, display_name, lto, dylib_of = None, crate_types = ""):
    """Declares the action that compiles a crate and writes down how it is linked.

    Args:
        ctx: The aspect's context.
        tool: What runs as splitlink.
        crate: The CrateInfo of a program, test, cdylib, staticlib, dylib or proc macro.
        action: The action with which rules_rust compiles and links it.
        inputs: What is kept of that action's inputs (list of File).
        deps: The crate set of the crate's dependencies.
        directory: The folder for the outputs, relative to the package.
        display_name: What progress messages call the crate.
        lto: Whether the crate is compiled for LTO.
        dylib_of: The metadata (File) of the library whose dylib is planned, in place of the crate. Default: none.
        crate_types: The crate types to compile for, joined by commas. Default: empty, for rules_rust's own.

    Returns:
        A tuple of the link plan (File) and the modules (a directory File).
    """
    plan = ctx.actions.declare_file(directory + "/plan.json")
    modules = ctx.actions.declare_directory(directory + "/modules")

    args = new_arguments(ctx)
    args.add("--plan", plan)
    args.add_all("--modules", [modules], expand_directories = False)
    add_dependencies(args, deps, lto)
    if dylib_of:
        args.add("--dylib-of", dylib_of)
    if crate_types:
        args.add("--crate-types", crate_types)
    ctx.actions.run(
        executable = tool,
        arguments = ["no-link", args, "--"] + action.args,
        inputs = depset(inputs, transitive = [deps.rmetas, deps.proc_macros]),
        outputs = [plan, modules],
        env = action.env,
        mnemonic = "SplitlinkDylibPlan" if dylib_of else "SplitlinkNoLink",
        progress_message = "Planning Rust dylib {}".format(display_name) if dylib_of else "Compiling Rust {} {} {}".format(
            crate.type,
            display_name,
            file_count(crate),
        ),
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return plan, modules
