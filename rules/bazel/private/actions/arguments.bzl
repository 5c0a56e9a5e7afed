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

def add_compilation(args, crate):
    """Adds what a crate is compiled against, and how it is compiled.

    Args:
        args: The Args of a `metadata`, `codegen` or `no-link` action.
        crate: What `new_crate` returned.
    """
    args.add_all(crate.deps.rmetas, before_each = "--metadata")
    args.add_all(crate.deps.proc_macros, before_each = "--proc-macro")
    if crate.lto != "off":
        args.add("--lto")
    if crate.opt_level:
        args.add("--opt-level", crate.opt_level)
    add_exchanged(args, crate.exchanged)

def add_exchanged(args, exchanged):
    """Adds which paths of a command stand for others.

    Args:
        args: The Args of an action with a command behind them.
        exchanged: A list of structs of `old` and `new` (File).
    """
    for pair in exchanged:
        args.add("--exchange", pair.old.path)
        args.add_all([pair.new], expand_directories = False)

def exchanged_env(env, exchanged):
    """Exchanges paths in an environment.

    Args:
        env: The environment (dict).
        exchanged: A list of structs of `old` and `new` (File).

    Returns:
        The environment with the new paths.
    """
    result = dict(env)
    for name, value in env.items():
        for pair in exchanged:
            if value.endswith(pair.old.path):
                value = value.removesuffix(pair.old.path) + pair.new.path
            value = value.replace(pair.old.path + "/", pair.new.path + "/")
        result[name] = value
    return result

def description(crate):
    """Describes a crate as rules_rust's own progress messages do.

    Args:
        crate: What `new_crate` returned.

    Returns:
        Text such as "words v1.2.0 (3 files)".
    """
    count = len(crate.info.srcs.to_list())
    return "{} ({} file{})".format(crate.display_name, count, "" if count == 1 else "s")
