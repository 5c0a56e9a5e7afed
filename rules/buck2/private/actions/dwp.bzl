"""The action that packs the split debug information of what is linked."""

load("//rules/buck2/private:prelude.bzl", "at_argfile")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")

def declare_dwp(ctx: AnalysisContext, artifact: Artifact, dwos: list[Artifact], directory: str, crate_type: str) -> Artifact:
    """Declares the action that packs the `.dwo` files which an artifact refers to.

    Args:
        ctx: The rule's context.
        artifact: What was linked.
        dwos: Folders of `.dwo` files, and single ones; also of crates that are not linked.
        directory: The folder for the action's arguments.
        crate_type: The artifact's crate type: any but a staticlib.

    Returns:
        The package, beside the artifact.
    """
    dwp = ctx.actions.declare_output(artifact.short_path + ".dwp")
    args = cmd_args(
        cmd_args(artifact, format = "--artifact={}"),
        [cmd_args(dwo, format = ("--dwo={}" if dwo.extension == ".dwo" else "--dwo-dir={}")) for dwo in dwos],
        cmd_args(dwp.as_output(), format = "--output={}"),
    )
    name = directory + "/dwp_{}.args".format(crate_type)
    ctx.actions.run(
        cmd_args(ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].tool, "dwp", at_argfile(actions = ctx.actions, name = name, args = args, allow_args = True)),
        category = "splitlink_dwp",
        identifier = crate_type,
    )
    return dwp
