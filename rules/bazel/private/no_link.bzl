"""The action that compiles a crate which is to be linked."""

load(":arguments.bzl", "add_dependencies", "file_count")
load(":compile_action.bzl", "declare_compile", "new_options")

def declare_no_link(ctx, tool, crate, original, inputs, deps, directory, display_name, opt_level, lto, dylib_of = None, crate_types = ""):
    """Declares the action that compiles a crate and writes down how it is linked.

    Args:
        ctx: The aspect's context.
        tool: What runs as splitlink.
        crate: The CrateInfo of a program, test, cdylib, staticlib, dylib or proc macro.
        original: What of rules_rust's action is run (see compile_action.bzl).
        inputs: What is kept of that action's inputs (list of File).
        deps: The crate set of the crate's dependencies.
        directory: The folder for the outputs, relative to the package.
        display_name: What progress messages call the crate.
        opt_level: The crate's opt-level in place of rules_rust's, or the empty string.
        lto: Whether the crate is compiled for LTO.
        dylib_of: The metadata (File) of the library whose dylib is planned, in place of the crate. Default: none.
        crate_types: The crate types to compile for, joined by commas. Default: empty, for rules_rust's own.

    Returns:
        A tuple of the link plan (File) and the modules (a directory File).
    """
    plan = ctx.actions.declare_file(directory + "/plan.json")
    modules = ctx.actions.declare_directory(directory + "/modules")

    args = new_options(ctx, original, "no-link")
    args.add("--plan", plan)
    args.add_all("--modules", [modules], expand_directories = False)
    add_dependencies(args, deps, lto, opt_level)
    if dylib_of:
        args.add("--dylib-of", dylib_of)
    if crate_types:
        args.add("--crate-types", crate_types)
    declare_compile(
        ctx,
        tool,
        original,
        "no-link",
        args,
        inputs = depset(inputs, transitive = [deps.rmetas, deps.proc_macros]),
        outputs = [plan, modules],
        mnemonic = "SplitlinkDylibPlan" if dylib_of else "SplitlinkNoLink",
        progress_message = "Planning Rust dylib {}".format(display_name) if dylib_of else "Compiling Rust {} {} {}".format(
            crate.type,
            display_name,
            file_count(crate),
        ),
    )
    return plan, modules
