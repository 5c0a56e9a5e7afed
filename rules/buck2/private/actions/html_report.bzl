"""The action that makes a page for people of a link report."""

load("//rules/buck2/private:prelude.bzl", "at_argfile")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")

# Prints where the page is, and opens it where there is a display.
_OPEN = '''
realpath "$1"
if [ -n "$DISPLAY$WAYLAND_DISPLAY" ] && command -v xdg-open >/dev/null; then exec xdg-open "$1"; fi
'''

def declare_html_report(ctx: AnalysisContext, report: Artifact, sizes: list[Artifact], dependencies: struct, directory: str) -> list[Provider]:
    """Declares the action that makes a page of a link report.

    Args:
        ctx: The rule's context.
        report: The link report.
        sizes: What is in its artifacts.
        dependencies: What `find_dependencies` returned: the Rust crates below.
        directory: The folder for the page.

    Returns:
        The providers of the sub-target, which can be run.
    """
    tool = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].tool
    page = ctx.actions.declare_output(directory + "/report.html")
    args = cmd_args(
        cmd_args(page.as_output(), format = "--output={}"),
        cmd_args(report, format = "--report={}"),
        cmd_args(sizes, format = "--sizes={}"),
        "--label={}".format(ctx.label.raw_target()),
        dependencies.edge_args,
    )
    ctx.actions.run(
        cmd_args(tool, "report", at_argfile(actions = ctx.actions, name = directory + "/report.args", args = args, allow_args = True)),
        category = "splitlink_report",
        identifier = directory,
    )
    return [
        DefaultInfo(default_output = page),
        RunInfo(args = cmd_args("sh", "-c", _OPEN, "sh", page)),
    ]
