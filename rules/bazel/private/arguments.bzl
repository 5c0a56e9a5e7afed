"""Pieces that every splitlink action shares."""

def new_arguments(ctx):
    """Makes Args that go to the tool in a parameter file.

    Args:
        ctx: The context of a rule or aspect.

    Returns:
        Empty Args.
    """
    args = ctx.actions.args()
    args.use_param_file("@%s", use_always = True)
    args.set_param_file_format("multiline")
    return args

def add_dependencies(args, deps, lto, opt_level):
    """Adds the metadata and proc macros that a crate is compiled against, and how it is compiled.

    Args:
        args: The Args of a `metadata`, `codegen` or `no-link` action.
        deps: The crate set of the crate's dependencies.
        lto: Whether the crate is compiled for LTO.
        opt_level: The opt-level in place of the command's own, or the empty string.
    """
    args.add_all(deps.rmetas, before_each = "--metadata")
    args.add_all(deps.proc_macros, before_each = "--proc-macro")
    if lto:
        args.add("--lto")
    if opt_level:
        args.add("--opt-level", opt_level)

def file_count(crate):
    """Says how many source files a crate has, as rules_rust's own progress messages do.

    Args:
        crate: The crate's CrateInfo.

    Returns:
        Text such as "(3 files)".
    """
    count = len(crate.srcs.to_list())
    return "({} file{})".format(count, "" if count == 1 else "s")
