"""Prints a message once in a build, however many targets have reason to."""

load("//rules/bazel/private:settings.bzl", "FallbackInfo", "say_fallback")

NoticeInfo = provider(
    doc = "Whether a notice was printed.",
    fields = {"said": "bool: Whether it had a message."},
)

def _notice_impl(ctx):
    if ctx.attr.message:
        say_fallback(ctx.attr._fallback[FallbackInfo], ctx.attr.message, ctx.attr.help)
    return [NoticeInfo(said = bool(ctx.attr.message))]

notice = rule(
    implementation = _notice_impl,
    doc = "Prints a message when it is analysed.",
    attrs = {
        "help": attr.string(
            doc = "What to do. Default: empty.",
        ),
        "message": attr.string(
            doc = "What to print. Default: empty, which prints nothing.",
        ),
        "_fallback": attr.label(
            default = Label("//rules/bazel:fallback"),
            providers = [FallbackInfo],
        ),
    },
)
