"""The action that compiles a crate which is to be linked."""

load(":arguments.bzl", "add_compilation", "add_dwo", "declare_dwo", "description")
load(":compile_action.bzl", "declare_compile", "new_options")

def declare_no_link(ctx, tool, crate, inputs, *, run_path_dirs = [], crate_types = "", dylib_of = None):
    """Declares the action that compiles a crate and writes down how it is linked.

    Args:
        ctx: The aspect's context.
        tool: What runs as splitlink.
        crate: What `new_crate` returned for a crate that is linked.
        inputs: What is kept of the inputs of rules_rust's action (depset of File).
        run_path_dirs: The folders of shared libraries to which run paths lead that rules_rust gives
            (list of string). Default: none.
        crate_types: The crate types to compile for, joined by commas. Default: empty, for
            rules_rust's own.
        dylib_of: The metadata (File) of the library whose dylib is planned, in place of the crate.
            Default: none.

    Returns:
        A tuple of the link plan (File), the modules (a directory File), and the folder of the crate's
        split debug information (a directory File, or None).
    """
    plan = ctx.actions.declare_file(crate.directory + "/plan.json")
    modules = ctx.actions.declare_directory(crate.directory + "/modules")

    # A dylib has the library's own.
    dwo = None if dylib_of else declare_dwo(ctx, crate)

    args = new_options(ctx, crate, "no-link")
    args.add("--plan", plan)
    args.add_all("--modules", [modules], expand_directories = False)
    add_dwo(args, dwo)
    add_compilation(args, crate)
    args.add_all(run_path_dirs, before_each = "--run-path-dir")
    if dylib_of:
        args.add("--dylib-of", dylib_of)
        mnemonic = "SplitlinkDylibPlan"
        progress_message = "Planning Rust dylib " + crate.display_name
    else:
        mnemonic = "SplitlinkNoLink"
        progress_message = "Compiling Rust {} {}".format(crate.info.type, description(crate))
    if crate.crate_name:
        args.add("--crate-name", crate.crate_name)
    if crate_types:
        args.add("--crate-types", crate_types)
    declare_compile(
        ctx,
        tool,
        crate,
        args,
        inputs = depset(transitive = [inputs, crate.deps.rmetas, crate.deps.proc_macros]),
        outputs = [plan, modules] + ([dwo] if dwo else []),
        mnemonic = mnemonic,
        progress_message = progress_message,
    )
    return plan, modules, dwo
