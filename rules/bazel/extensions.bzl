"""The tool as a file that Cargo builds when Bazel fetches it, in place of a target.

With Bazel 7 a user's own Starlark flags reach the configuration of tools, so each transition that
sets one builds the tool once more. A file has no configuration. In MODULE.bazel:

    splitlink_tool = use_extension("@splitlink//rules/bazel:extensions.bzl", "cargo_tool")
    use_repo(splitlink_tool, "splitlink_by_cargo")
    register_toolchains("@splitlink_by_cargo//:toolchain")

Cargo, rustc and a linker must be on the machine that fetches, and the tool is for machines like it.
"""

load("//rules/bazel/private:cargo_tool.bzl", _cargo_tool = "cargo_tool")

cargo_tool = _cargo_tool
