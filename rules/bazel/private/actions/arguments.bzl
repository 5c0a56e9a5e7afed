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

# Where Bazel maps to with `--experimental_output_paths=strip`.
_MAPPED = "bazel-out/cfg/"

def command_line(action):
    """Tells the command line of an action, with the paths that files have for an unmapped action.

    Newer versions of rules_rust allow Bazel to map the paths of their actions. Then `argv` has
    mapped ones, which do not say of which configuration a file is.

    Args:
        action: The action with which rules_rust builds a crate.

    Returns:
        A list of string.
    """
    argv = action.argv

    # It begins with the process wrapper, which is built unless it comes with rules_rust.
    program = argv[0]
    if not program.startswith(_MAPPED) and (program.startswith("bazel-out/") or not [arg for arg in argv if _MAPPED in arg]):
        return argv
    outputs = action.outputs.to_list()
    roots = {}
    for file in action.inputs.to_list() + outputs:
        if not file.is_source:
            root, rest = _parted(file.path)
            roots[rest] = root

    # Folders are those of crates, which the tool finds by name, or of this configuration.
    own, _ = _parted(outputs[0].path)
    return [_unmapped(arg, roots, own) for arg in argv]

def _parted(path):
    first, configuration, rest = path.split("/", 2)
    return "{}/{}/".format(first, configuration), rest

def _unmapped(arg, roots, own):
    parts = arg.split(_MAPPED)
    result = parts[0]
    for part in parts[1:]:
        path = part
        for end in (",", ":", "="):
            path = path.partition(end)[0]
        result += roots.get(path, own) + part
    return result

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

def declare_dwo(ctx, crate):
    """Declares the folder of a crate's split debug information.

    Args:
        ctx: The aspect's context.
        crate: What `new_crate` returned.

    Returns:
        A directory File; None if the crate's debug information stays in its objects.
    """
    return ctx.actions.declare_directory(crate.directory + "/dwo") if crate.split_debug_info else None

def add_dwo(args, dwo):
    """Adds where a crate's split debug information goes.

    Args:
        args: The Args of a `metadata`, `codegen` or `no-link` action.
        dwo: What `declare_dwo` returned.
    """
    if dwo:
        args.add_all("--dwo-dir", [dwo], expand_directories = False)

def add_dylibs(args, dylibs):
    """Adds which dylibs a link prefers.

    Args:
        args: The Args of a `link-only` or `thin-link` action.
        dylibs: What `find_dylibs` returned; None for a static link.

    Returns:
        What the action reads of them (depset of File).
    """
    if not dylibs:
        return depset()
    args.add("--prefer-dynamic")
    if dylibs.of_setting:
        args.add("--static-with-own-allocator")
    args.add_all(dylibs.dylibs, before_each = "--dylib")
    std = []
    if dylibs.std.manifest:
        args.add("--std-manifest", dylibs.std.manifest)
        std = [dylibs.std.dylib, dylibs.std.manifest]
    return depset(std, transitive = [dylibs.dylibs, dylibs.manifests])

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
