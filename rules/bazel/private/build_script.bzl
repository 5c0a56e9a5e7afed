"""Runs a Cargo build script that the split builds."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//rules/bazel/private/actions:arguments.bzl", "add_exchanged", "new_arguments")
load(":crate_set.bzl", "crate_set")
load(":names.bzl", "public_name")
load(":toolchains.bzl", "RUST_TOOLCHAIN_TYPE")

# The action with which rules_rust runs a build script.
RUN_MNEMONIC = "CargoBuildScriptRun"

def _uses_default_shell_env(ctx):
    """Tells whether a build script sees the environment that actions have by default.

    Args:
        ctx: The aspect's context.

    Returns:
        A bool. Before rules_rust 0.60 it was always so.
    """
    value = getattr(ctx.rule.attr, "use_default_shell_env", 1)
    if value != -1:
        return bool(value)
    return ctx.rule.attr._default_use_default_shell_env[BuildSettingInfo].value

def _rlocation(file, workspace_name):
    if file.short_path.startswith("../"):
        return file.short_path.removeprefix("../")
    return workspace_name + "/" + file.short_path

def _add_runfiles(args, ctx, script, known):
    """Adds the runfiles of a build script's program, which Bazel lays out for a rule's program only.

    Args:
        args: The Args of the action that runs it.
        ctx: The aspect's context.
        script: The target of the program.
        known: A dict from files to those in their place.

    Returns:
        The files (list of File) that the action reads for it.
    """
    default = script[DefaultInfo]
    placed = {}
    for file in default.default_runfiles.files.to_list():
        placed[_rlocation(file, ctx.workspace_name)] = known.get(file) or file
    for link in default.default_runfiles.symlinks.to_list():
        placed[ctx.workspace_name + "/" + link.path] = known.get(link.target_file) or link.target_file
    for link in default.default_runfiles.root_symlinks.to_list():
        placed[link.path] = known.get(link.target_file) or link.target_file
    mapping = getattr(default.files_to_run, "repo_mapping_manifest", None)
    if mapping:
        placed["_repo_mapping"] = mapping
    for name, file in placed.items():
        args.add("--runfile", name)
        args.add_all([file], expand_directories = False)
    return placed.values()

def _is_laid_out(file, script, program):
    """Tells whether a file is Bazel's folder of the runfiles of rules_rust's program.

    Args:
        file: An input of rules_rust's action.
        script: The target of the program.
        program: The program, as in SplitInfo.

    Returns:
        A bool.
    """
    if "/_middlemen/" in file.path:  # Bazel 7.
        return file.owner == script.label
    return file.path in [original.path + ".runfiles" for original in program.originals]

def split_build_script(target, ctx, tools, program, script, deps):
    """Runs a build script as rules_rust does, with the split's build of its program.

    Args:
        target: The target that runs it.
        ctx: The aspect's context.
        tools: What `find_toolchains` returned.
        program: The program, as in SplitInfo.
        script: The target of the program.
        deps: The crate set of what the build script depends on: crates whose build scripts it hears
            of, and its own crates.

    Returns:
        The crate set that a dependent sees.
    """
    action = [action for action in target.actions if action.mnemonic == RUN_MNEMONIC][0]
    directory = public_name(ctx.label.name) + ".splitlink"
    outputs = [
        struct(
            old = f,
            new = (ctx.actions.declare_directory if f.is_directory else ctx.actions.declare_file)(
                "{}/{}".format(directory, f.basename),
            ),
        )
        for f in action.outputs.to_list()
    ]
    programs = [struct(old = f, new = program.file) for f in program.originals]

    known = {pair.old: pair.new for pair in deps.exchanged.to_list() + programs}
    inputs = [f for f in action.inputs.to_list() if not _is_laid_out(f, script, program)]
    read = [struct(old = f, new = known[f]) for f in inputs if f in known]
    exchanged = outputs + programs + [pair for pair in read if pair.old not in program.originals]

    args = new_arguments(ctx)
    add_exchanged(args, exchanged)
    args.add("--program", program.file)
    args.add_all("--scratch-beside", [outputs[0].new], expand_directories = False)
    runfiles = _add_runfiles(args, ctx, script, known)
    ctx.actions.run(
        executable = tools.tool,
        arguments = ["run", args, "--"] + action.args,
        env = action.env,
        inputs = depset(
            [f for f in inputs if f not in known] + [pair.new for pair in read] + [program.file] + runfiles,
        ),
        outputs = [pair.new for pair in outputs],
        mnemonic = "SplitlinkBuildScriptRun",
        progress_message = "Running Cargo build script " + public_name(ctx.label.name),
        toolchain = RUST_TOOLCHAIN_TYPE,
        use_default_shell_env = _uses_default_shell_env(ctx),
    )
    return crate_set.of_build_script(outputs + programs, deps)
