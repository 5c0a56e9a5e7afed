"""The rule that declares a splitlink toolchain."""

_LTO = str(Label("//rules/bazel:lto"))

def _tool_transition_impl(_settings, _attr):
    # There is one tool, whether or not a target that it works for has an `lto` of its own. The
    # linkage must stay as it is: a transition of it would put the tool into another folder when all
    # is linked dynamically, and every action would run again.
    return {_LTO: "unspecified"}

_tool_transition = transition(
    implementation = _tool_transition_impl,
    inputs = [],
    outputs = [_LTO],
)

def _splitlink_toolchain_impl(ctx):
    return [
        platform_common.ToolchainInfo(
            linkers = {
                name: program[DefaultInfo].files_to_run
                for name, program in (("mold", ctx.attr.mold), ("wild", ctx.attr.wild))
                if program
            },
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

Its `ToolchainInfo` has the fields `splitlink` and `lto_engine`, the `FilesToRunProvider` of each
executable, and `linkers`, a dict of those of `mold` and `wild`.
""",
    cfg = _tool_transition,
    attrs = {
        "lto_engine": attr.label(
            doc = "The engine of fat LTO and of distributed thin LTO, `splitlink-lto`: a target " +
                  "that builds it, or a prebuilt file. It must be made with the LLVM of the Rust " +
                  "toolchain. It is built only if a target asks for one of these. Default: the " +
                  "target that builds it from source.",
            allow_files = True,
            cfg = "exec",
            default = Label("//tools/splitlink-lto"),
            executable = True,
        ),
        "mold": attr.label(
            doc = "The linker mold, for `--@splitlink//rules/bazel:linker=mold`. Default: the one on the " +
                  "search path for programs.",
            allow_files = True,
            cfg = "exec",
            executable = True,
        ),
        "splitlink": attr.label(
            doc = "The executable `splitlink`: a target that builds it, or a prebuilt file. " +
                  "Mandatory.",
            allow_files = True,
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
        "wild": attr.label(
            doc = "The linker wild, for `--@splitlink//rules/bazel:linker=wild`. Default: the one on the " +
                  "search path for programs.",
            allow_files = True,
            cfg = "exec",
            executable = True,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
