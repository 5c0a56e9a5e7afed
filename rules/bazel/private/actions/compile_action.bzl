"""The form of an action in which splitlink stands in front of rustc."""

load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "command_line", "exchanged_env", "new_arguments")

# One worker serves all phases: a rustc process that has written metadata goes on to generate code.
_WORKER_REQUIREMENTS = {
    "requires-worker-protocol": "proto",
    "supports-multiplex-sandboxing": "1",
    "supports-multiplex-workers": "1",
    "supports-worker-cancellation": "1",
    "supports-workers": "1",
    "worker-key-mnemonic": "Splitlink",
}

def new_crate(info, action, deps, *, crate_name, directory, display_name, exchanged, incremental, interface, lto, opt_level, split_debug_info, split_debug_info_of_lto, worker):
    """Gathers what it takes to compile a crate.

    Args:
        info: The crate's CrateInfo.
        action: The action with which rules_rust builds the crate.
        deps: The crate set of the crate's dependencies.
        crate_name: The name to compile the crate under.
        directory: The folder for the outputs, relative to the package.
        display_name: What progress messages call the crate.
        exchanged: The inputs of that action that the split has elsewhere: a list of structs of `old`
            and `new` (File).
        incremental: Whether the worker keeps what rustc may use again in the next build.
        interface: Whether dependents are compiled against the crate's interface, if it is a library.
        lto: The mode of LTO that the crate is compiled for, one of LTO_MODES.
        opt_level: The crate's opt-level in place of rules_rust's, or the empty string.
        split_debug_info: Whether debug information goes into files of its own.
        split_debug_info_of_lto: Whether that of what LTO makes does.
        worker: Whether a persistent worker may compile.

    Returns:
        A struct for `declare_library` and `declare_no_link`.
    """
    renamed = crate_name if crate_name != info.name else ""
    return struct(
        command = struct(
            action = action,
            env = {"CARGO_CRATE_NAME": renamed} if renamed else {},
            exchanged = exchanged,
        ),
        crate_name = renamed,
        deps = deps,
        directory = directory,
        display_name = display_name,
        exchanged = exchanged,
        incremental = incremental,
        info = info,
        interface = interface,
        lto = lto,
        opt_level = opt_level,
        split_debug_info = split_debug_info,
        split_debug_info_of_lto = split_debug_info_of_lto,
        worker = worker,
    )

def new_options(ctx, crate, phase):
    """Makes Args for the options of a phase.

    Args:
        ctx: The context of a rule or aspect.
        crate: What `new_crate` returned.
        phase: The phase, as the tool calls it.

    Returns:
        Args, to be completed and given to `declare_compile`.
    """
    args = new_arguments(ctx)
    args.add(phase)
    if crate.incremental:
        args.add("--incremental")
    return args

def declare_compile(ctx, tool, crate, options, **kwargs):
    """Declares an action that runs rules_rust's command for a crate with splitlink before rustc.

    Args:
        ctx: The context of a rule or aspect.
        tool: What runs as splitlink.
        crate: What `new_crate` returned.
        options: The Args that `new_options` made.
        **kwargs: What else `ctx.actions.run` takes.
    """

    # A worker takes only actions whose command lines and environments are equal, so all that
    # differs is in the file, as plain text. Without a worker it is there, too: one command line is
    # one key of a remote cache.
    options.add_all([crate.command], map_each = _command_lines)

    # What rustc makes of what was built before is for nobody else.
    uncached = {"no-remote-cache": "1"} if crate.incremental else {}
    ctx.actions.run(
        executable = tool,
        arguments = ["worker", options],
        execution_requirements = (_WORKER_REQUIREMENTS if crate.worker else {}) | uncached,
        toolchain = RUST_TOOLCHAIN_TYPE,
        **kwargs
    )

def _command_lines(command):
    # Called when the action runs. Before, thousands of copies of long command lines would be kept.
    env = exchanged_env(command.action.env, command.exchanged) | command.env
    lines = ["--env=" + _escaped("{}={}".format(*variable)) for variable in env.items()]
    return lines + ["--"] + [_escaped(word) for word in _without_fission(command_line(command.action))]

def _without_fission(argv):
    """Removes what rules_rust adds for `--fission` (0.72 and newer): `--dwo-dir` is in its place."""
    if not [word for word in argv if word.startswith("-Zsplit-dwarf-out-dir=")]:
        return argv
    return [
        word
        for word in argv
        if word != "--codegen=split-debuginfo=unpacked" and not word.startswith("-Zsplit-dwarf-out-dir=")
    ]

def _escaped(word):
    # The tool's worker/action.rs reads it.
    if not word:
        return "\\e"
    word = word.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "\\" + word if word.startswith("@") else word
