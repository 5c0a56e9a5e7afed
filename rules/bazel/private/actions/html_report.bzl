"""The action that makes a page for people of a link report."""

load("//rules/bazel/private:names.bzl", "named_as_typed")
load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "new_arguments")
load(":edges.bzl", "add_edges")

def declare_html_report(ctx, toolchains, target, edges, report, sizes, description):
    """Declares the action that makes a page of a link report.

    Args:
        ctx: The context of a rule with DYLIB_ATTRS.
        toolchains: What `find_toolchains` returned.
        target: The rules_rust target whose crate is linked.
        edges: What `find_edges` returned.
        report: The link report (File).
        sizes: What is in its artifacts (list of File).
        description: The crate's type and name, for progress messages.

    Returns:
        The page (File).
    """
    page = ctx.actions.declare_file(ctx.label.name + ".splitlink/report.html")
    args = new_arguments(ctx)
    args.add("--output", page)
    args.add("--report", report)
    args.add_all(sizes, before_each = "--sizes")

    # An archive has no sizes to compare.
    before = ctx.files._sizes_before if sizes else []
    args.add_all(before, before_each = "--sizes-before")
    args.add("--label", named_as_typed(target.label))
    add_edges(args, edges)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["report", args],
        inputs = [report] + sizes + before,
        outputs = [page],
        mnemonic = "SplitlinkReport",
        progress_message = "Making a page of how Rust {} is linked".format(description),
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return page
