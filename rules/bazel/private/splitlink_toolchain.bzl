"""The rule that declares a splitlink toolchain."""

_LTO = str(Label("//rules/bazel:lto"))

def _tool_transition_impl(_settings, _attr):
    # One tool, whether or not a target that it works for has an `lto` of its own. The linkage must stay as it is: were the tool in
    # another folder when all is linked dynamically, every action would run again.
    return {_LTO: "off"}

_tool_transition = transition(
    implementation = _tool_transition_impl,
    inputs = [],
    outputs = [_LTO],
)

def _splitlink_toolchain_impl(ctx):
    return [
        platform_common.ToolchainInfo(
            lto_engine = ctx.attr.lto_engine[DefaultInfo].files_to_run,
            splitlink = ctx.attr.splitlink[DefaultInfo].files_to_run,
        ),
        DefaultInfo(
            files = ctx.attr.splitlink[DefaultInfo].files,
            runfiles = ctx.attr.splitlink[DefaultInfo].default_runfiles,
        ),
    ]

splitlink_toolchain = rule(
    implementation = _splitlink_toolchain_impl,
    doc = """Declares which executable the actions of the split run.

Its `ToolchainInfo` has the fields `splitlink` and `lto_engine`: the `FilesToRunProvider` of each executable.""",
    cfg = _tool_transition,
    attrs = {
        "lto_engine": attr.label(
            doc = "The engine of fat LTO, `splitlink-lto`, made with the same LLVM as the Rust toolchain's: a target that builds it, or a " +
                  "prebuilt file. It is built only if a target asks for `lto = \"fat\"`. Default: built from source.",
            allow_files = True,
            cfg = "exec",
            default = Label("//tools/splitlink-lto"),
            executable = True,
        ),
        "splitlink": attr.label(
            doc = "The splitlink executable: a target that builds it, or a prebuilt file.",
            allow_files = True,
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
