"""The toolchain that the rules need: splitlink over an ordinary Rust toolchain.

    load("@splitlink//rules/buck2:toolchain.bzl", "splitlink_rust_toolchain")

    splitlink_rust_toolchain(
        name = "rust",
        base = ":stable",  # a system_rust_toolchain, say
        visibility = ["PUBLIC"],
    )
"""

load("//rules/buck2/private/rules:prebuilt_splitlink.bzl", _prebuilt_splitlink = "prebuilt_splitlink")
load("//rules/buck2/private/rules:splitlink_from_source.bzl", _splitlink_from_source = "splitlink_from_source")
load("//rules/buck2/private/rules:splitlink_rust_toolchain.bzl", _splitlink_rust_toolchain = "splitlink_rust_toolchain")

prebuilt_splitlink = _prebuilt_splitlink
splitlink_rust_toolchain = _splitlink_rust_toolchain

# For splitlink's own BUCK file.
splitlink_from_source = _splitlink_from_source
