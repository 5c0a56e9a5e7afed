"""The toolchain that the rules need: an ordinary Rust toolchain, and splitlink over it.

    load("@splitlink//rules/buck2:toolchain.bzl", "splitlink_rust_toolchain")

    splitlink_rust_toolchain(
        name = "rust",
        base = ":stable",  # a system_rust_toolchain, say
        visibility = ["PUBLIC"],
    )
"""

load("//rules/buck2/private:prebuilt_splitlink.bzl", _prebuilt_splitlink = "prebuilt_splitlink")
load("//rules/buck2/private:rust_toolchain.bzl", _splitlink_rust_toolchain = "splitlink_rust_toolchain")
load("//rules/buck2/private:splitlink_from_source.bzl", _splitlink_from_source = "splitlink_from_source")

prebuilt_splitlink = _prebuilt_splitlink
splitlink_rust_toolchain = _splitlink_rust_toolchain

# For splitlink's own BUCK file.
splitlink_from_source = _splitlink_from_source
