"""The rule that declares a splitlink toolchain."""

def _splitlink_toolchain_impl(ctx):
    return [
        platform_common.ToolchainInfo(splitlink = ctx.attr.splitlink[DefaultInfo].files_to_run),
        DefaultInfo(
            files = ctx.attr.splitlink[DefaultInfo].files,
            runfiles = ctx.attr.splitlink[DefaultInfo].default_runfiles,
        ),
    ]

splitlink_toolchain = rule(
    implementation = _splitlink_toolchain_impl,
    doc = """Declares which executable the actions of the split run.

Its `ToolchainInfo` has one field, `splitlink`: the `FilesToRunProvider` of the executable.""",
    attrs = {
        "splitlink": attr.label(
            doc = "The splitlink executable: a target that builds it, or a prebuilt file.",
            allow_files = True,
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
)
