"""The build setting that has a persistent worker compile, where Bazel's strategies allow one."""

WorkerInfo = provider(
    doc = "Whether a persistent worker may compile.",
    fields = {"enabled": "bool: Whether it may."},
)

def _worker_setting_impl(ctx):
    return [WorkerInfo(enabled = ctx.build_setting_value)]

worker_setting = rule(
    implementation = _worker_setting_impl,
    doc = "Whether a persistent worker may compile, so that one rustc process serves the metadata and the code of a library. What is built " +
          "is the same. Actions that run without a worker all the same (remotely, say) are the same, too.",
    build_setting = config.bool(flag = True),
)
