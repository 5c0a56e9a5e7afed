"""The toolchain that gives the rules the splitlink tool."""

def _splitlink_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo(splitlink = ctx.attr.splitlink[DefaultInfo].files_to_run)]

splitlink_toolchain = rule(
    implementation = _splitlink_toolchain_impl,
    doc = """Where the rules find the splitlink tool. To use a prebuilt one, register this in the root module:

    splitlink_toolchain(name = "prebuilt", splitlink = "//path/to:splitlink")

    toolchain(
        name = "toolchain",
        exec_compatible_with = ["@platforms//os:linux", "@platforms//cpu:x86_64"],
        toolchain = ":prebuilt",
        toolchain_type = "@splitlink//rules/bazel/toolchain:toolchain_type",
    )

with `register_toolchains("//path/to:toolchain")` in MODULE.bazel. Without one, the tool is built from source.
""",
    attrs = {
        "splitlink": attr.label(
            doc = "The `splitlink` executable: a file, or a target that makes one. Required.",
            mandatory = True,
            executable = True,
            allow_single_file = True,
            cfg = "exec",
        ),
    },
)
