"""The toolchain that brings the splitlink tool to the rules.

By default the workspace's Rust toolchain builds the tool from source. To use a prebuilt executable:

    load("@splitlink//rules/bazel:toolchain.bzl", "splitlink_toolchain")

    splitlink_toolchain(
        name = "prebuilt",
        splitlink = "@splitlink_x86_64//:splitlink",
    )

    toolchain(
        name = "prebuilt_toolchain",
        exec_compatible_with = [
            "@platforms//cpu:x86_64",
            "@platforms//os:linux",
        ],
        toolchain = ":prebuilt",
        toolchain_type = "@splitlink//rules/bazel/toolchain:toolchain_type",
    )

In MODULE.bazel, where it comes before what splitlink itself registers:

    register_toolchains("//:prebuilt_toolchain")
"""

load("//rules/bazel/private/rules:splitlink_toolchain.bzl", _splitlink_toolchain = "splitlink_toolchain")

splitlink_toolchain = _splitlink_toolchain
