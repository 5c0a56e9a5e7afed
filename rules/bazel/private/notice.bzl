"""Says something once a build, however many targets have reason to."""

NoticeInfo = provider(
    doc = "Whether something was said.",
    fields = {"said": "bool: Whether the notice had a message."},
)

def _notice_impl(ctx):
    if ctx.attr.message:
        # buildifier: disable=print
        print(ctx.attr.message)
    return [NoticeInfo(said = bool(ctx.attr.message))]

notice = rule(
    implementation = _notice_impl,
    doc = "Prints a message when it is analysed.",
    attrs = {
        "message": attr.string(
            doc = "What to print. Default: empty, which prints nothing.",
        ),
    },
)
