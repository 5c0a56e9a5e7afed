"""`prebuilt_splitlink`: the tool as a file."""

def _prebuilt_splitlink_impl(ctx: AnalysisContext) -> list[Provider]:
    return [
        DefaultInfo(default_output = ctx.attrs.splitlink),
        RunInfo(args = [ctx.attrs.splitlink]),
    ]

prebuilt_splitlink = rule(
    doc = "Takes a program of splitlink, `splitlink` or `splitlink-lto`, that is built already.",
    impl = _prebuilt_splitlink_impl,
    attrs = {
        "splitlink": attrs.source(doc = "The program's file. Mandatory."),
    },
)
