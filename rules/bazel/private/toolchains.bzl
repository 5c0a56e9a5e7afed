"""The toolchains that the aspect and the rules use."""

load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain", "use_cc_toolchain")

_RUST = Label("@rules_rust//rust:toolchain_type")
_SPLITLINK = Label("//rules/bazel/toolchain:toolchain_type")

# The rules ask for the same types as the aspect, so that both run their actions on the same
# execution platform. None is mandatory: the aspect also meets cc_library targets, and rules_rust
# builds for platforms that are not supported.
SPLIT_TOOLCHAINS = [
    config_common.toolchain_type(_RUST, mandatory = False),
    config_common.toolchain_type(_SPLITLINK, mandatory = False),
] + use_cc_toolchain(mandatory = False)

# The execution group of all actions, with automatic execution groups: they run where the Rust
# toolchain runs, whose files are their inputs.
RUST_TOOLCHAIN_TYPE = _RUST

_SUPPORTED_CPUS = ("aarch64", "x86_64")

def find_toolchains(ctx):
    """Finds the toolchains of a target or aspect.

    Args:
        ctx: The context of a rule or aspect that asked for SPLIT_TOOLCHAINS.

    Returns:
        A struct of `rust` (the rust_toolchain), `cc` (the CcToolchainInfo), `tool` and `lto_engine`
        (what actions run as splitlink, and as its engine of fat LTO), each of which may be None,
        and `linkers` (a dict from the name of a linker to what actions run as such).
    """
    splitlink = ctx.toolchains[_SPLITLINK]
    return struct(
        cc = find_cc_toolchain(ctx, mandatory = False),
        linkers = splitlink.linkers if splitlink else {},
        lto_engine = splitlink.lto_engine if splitlink else None,
        rust = ctx.toolchains[_RUST],
        tool = splitlink.splitlink if splitlink else None,
    )

def unsupported(toolchains):
    """Tells whether crates cannot be split for a target platform.

    Args:
        toolchains: What `find_toolchains` returned.

    Returns:
        Why not, as the end of a sentence; the empty string if they can.
    """
    rust = toolchains.rust
    if not rust:
        return "no Rust toolchain is registered for its platform"
    if rust.target_os != "linux" or rust.target_arch not in _SUPPORTED_CPUS:
        return "only Linux on {} is supported, and its platform is {} on {}".format(
            " or ".join(_SUPPORTED_CPUS),
            rust.target_os,
            rust.target_arch,
        )
    if not toolchains.tool:
        return "no splitlink toolchain is registered for its platforms (see register_toolchains in the README)"
    return ""
