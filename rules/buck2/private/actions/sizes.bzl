"""The action that tells what is in an artifact."""

load("//rules/buck2/private:prelude.bzl", "at_argfile")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")

def declare_sizes(
        ctx: AnalysisContext,
        compiled: struct,
        dependencies: struct,
        native: struct,
        artifact: Artifact,
        report: Artifact,
        crate_type: str,
        directory: str) -> Artifact:
    """Declares the action that tells what is in an artifact, by crate and function.

    Args:
        ctx: The rule's context.
        compiled: What `declare_no_link` returned.
        dependencies: What `find_dependencies` returned: the Rust crates below it.
        native: What `native_links` returned: the native libraries below it.
        artifact: What was linked.
        report: The report of that link.
        crate_type: The artifact's crate type: any but a staticlib.
        directory: The folder for the action's outputs.

    Returns:
        The sizes file.
    """
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    sizes = ctx.actions.declare_output(directory + "/sizes_{}.json".format(crate_type))
    args = cmd_args(
        cmd_args(artifact, format = "--artifact={}"),
        cmd_args(compiled.plan, format = "--plan={}"),
        cmd_args(compiled.modules, format = "--modules={}"),
        cmd_args(dependencies.rlibs.project_as_args("artifacts_args"), format = "--rlib={}"),
        cmd_args(split.sysroot, format = "--sysroot={}"),
        cmd_args(report, format = "--report={}"),
        "--crate-type=" + crate_type,
        cmd_args(sizes.as_output(), format = "--output={}"),
        hidden = [native.inputs],
    )
    name = directory + "/sizes_{}.args".format(crate_type)
    ctx.actions.run(
        cmd_args(split.tool, "sizes", at_argfile(actions = ctx.actions, name = name, args = args, allow_args = True)),
        category = "splitlink_sizes",
        identifier = crate_type,
    )
    return sizes
