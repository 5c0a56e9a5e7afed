"""The action that writes down what is in an artifact."""

load("//rules/buck2/private:prelude.bzl", "at_argfile")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")

def declare_sbom(ctx: AnalysisContext, report: Artifact, dependencies: struct, directory: str, crate_type: str) -> list[Provider]:
    """Declares the action that makes a bill of materials of an artifact.

    Args:
        ctx: The rule's context.
        report: The report of its link.
        dependencies: What `find_dependencies` returned: the Rust crates below.
        directory: The folder for the bill.
        crate_type: The artifact's crate type.

    Returns:
        The providers of the sub-target.
    """
    bill = ctx.actions.declare_output("{}/{}.cdx.json".format(directory, crate_type))
    args = cmd_args(
        cmd_args(report, format = "--report={}"),
        cmd_args(bill.as_output(), format = "--output=" + crate_type + "={}"),
        dependencies.edge_args,
    )
    tool = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].tool
    ctx.actions.run(
        cmd_args(tool, "sbom", at_argfile(actions = ctx.actions, name = bill.short_path + ".args", args = args, allow_args = True)),
        category = "splitlink_sbom",
        identifier = bill.short_path,
    )
    return [DefaultInfo(default_output = bill)]
