"""The form of an action in which splitlink stands in front of rustc."""

load(":arguments.bzl", "new_arguments")
load(":toolchains.bzl", "RUST_TOOLCHAIN_TYPE")

# One worker for all phases: a rustc process that has written metadata goes on to generate code.
_WORKER_REQUIREMENTS = {
    "requires-worker-protocol": "proto",
    "supports-multiplex-sandboxing": "1",
    "supports-multiplex-workers": "1",
    "supports-worker-cancellation": "1",
    "supports-workers": "1",
    "worker-key-mnemonic": "Splitlink",
}

def original_of(action, worker):
    """Takes from rules_rust's action what the split's actions for a crate run.

    Args:
        action: The action with which rules_rust builds the crate.
        worker: Whether a persistent worker may run what is made of it.

    Returns:
        A struct for `new_options` and `declare_compile`.
    """
    return struct(
        args = None if worker else action.args,
        argv = action.argv if worker else None,
        env = action.env,
        inputs = action.inputs,
        worker = worker,
    )

def new_options(ctx, original, phase):
    """Makes Args for the options of a phase.

    Args:
        ctx: The context of a rule or aspect.
        original: What `original_of` returned.
        phase: The phase, as the tool calls it.

    Returns:
        Args, to be completed and given to `declare_compile`.
    """
    args = new_arguments(ctx)
    if original.worker:
        args.add(phase)
    return args

def declare_compile(ctx, tool, original, phase, options, **kwargs):
    """Declares an action that runs a crate's original command with splitlink in front of rustc.

    Args:
        ctx: The context of a rule or aspect.
        tool: What runs as splitlink.
        original: What `original_of` returned.
        phase: The phase, as the tool calls it.
        options: The Args that `new_options` made.
        **kwargs: What else `ctx.actions.run` takes.
    """
    if not original.worker:
        ctx.actions.run(
            executable = tool,
            arguments = [phase, options, "--"] + original.args,
            env = original.env,
            toolchain = RUST_TOOLCHAIN_TYPE,
            **kwargs
        )
        return

    # A worker is for actions whose command lines and environments are the same, so all that differs is in the file.
    options.add_all(["{}={}".format(*variable) for variable in original.env.items()], format_each = "--env=%s", map_each = _escaped)
    options.add("--")
    options.add_all(original.argv, map_each = _escaped)
    ctx.actions.run(
        executable = tool,
        arguments = ["worker", options],
        execution_requirements = _WORKER_REQUIREMENTS,
        toolchain = RUST_TOOLCHAIN_TYPE,
        **kwargs
    )

def _escaped(word):
    # The tool's action.rs reads it.
    if not word:
        return "\\e"
    word = word.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "\\" + word if word.startswith("@") else word
