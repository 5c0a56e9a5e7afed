"""The action that writes down what is in an artifact."""

load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")

def declare_sbom(ctx: AnalysisContext, report: Artifact, directory: str, crate_type: str) -> list[Provider]:
    """Declares the action that makes a bill of materials of an artifact.

    Args:
        ctx: The rule's context.
        report: The report of its link.
        directory: The folder for the bill.
        crate_type: The artifact's crate type.

    Returns:
        The providers of the sub-target.
    """
    bill = ctx.actions.declare_output("{}/{}.cdx.json".format(directory, crate_type))
    ctx.actions.run(
        cmd_args(
            ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].tool,
            "sbom",
            cmd_args(report, format = "--report={}"),
            cmd_args(bill.as_output(), format = "--output=" + crate_type + "={}"),
        ),
        category = "splitlink_sbom",
        identifier = bill.short_path,
    )
    return [DefaultInfo(default_output = bill)]
