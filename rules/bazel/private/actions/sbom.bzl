"""The action that writes down what is in an artifact."""

load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "new_arguments")
load(":edges.bzl", "add_edges")

def declare_sbom(ctx, toolchains, edges, report, artifact, crate_type = ""):
    """Declares the action that makes a bill of materials of an artifact.

    Args:
        ctx: The context of a rule.
        toolchains: What `find_toolchains` returned.
        edges: What `find_edges` returned.
        report: The link report (File).
        artifact: What was linked (File).
        crate_type: The artifact's crate type. Default: that of the only one in the report.

    Returns:
        The bill (File): CycloneDX, in JSON.
    """

    # The name by which CycloneDX's tools know their format.
    bill = ctx.actions.declare_file("{}.splitlink/{}.cdx.json".format(ctx.label.name, artifact.basename))
    args = new_arguments(ctx)
    args.add("--report", report)
    add_edges(args, edges)
    args.add("--output", bill, format = crate_type + "=%s" if crate_type else None)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["sbom", args],
        inputs = [report],
        outputs = [bill],
        mnemonic = "SplitlinkSbom",
        progress_message = "Writing the bill of materials of %{label}",
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return bill
