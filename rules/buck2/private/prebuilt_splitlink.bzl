"""The tool as a file."""

def _prebuilt_splitlink_impl(ctx: AnalysisContext) -> list[Provider]:
    return [
        DefaultInfo(default_output = ctx.attrs.splitlink),
        RunInfo(args = [ctx.attrs.splitlink]),
    ]

prebuilt_splitlink = rule(
    doc = "A splitlink that is built already.",
    impl = _prebuilt_splitlink_impl,
    attrs = {
        "splitlink": attrs.source(doc = "The program."),
    },
)
