"""Providers of the rules."""

SplitlinkToolchainInfo = provider(
    doc = "What the rules take from a `splitlink_rust_toolchain`.",
    # @unsorted-dict-items
    fields = {
        # The command that runs splitlink.
        "tool": provider_field(RunInfo),
        # The command that runs its engine of fat LTO.
        "lto_engine": provider_field(RunInfo),
        # The toolchain's own rustc. Libraries are compiled by it through splitlink only.
        "rustc": provider_field(RunInfo),
        # Whether that rustc may use unstable features.
        "unstable": provider_field(bool),
        # A folder with lib/rustlib/<target>, from which link-only takes the standard library.
        "sysroot": provider_field(Artifact),
        # The list of the crates in the standard library's dylib.
        "std_manifest": provider_field(Artifact),
        # The standard library's dylib, a file that holds the name under which the loader looks for
        # it, and a folder with it under that name and nothing else.
        "std_dylib": provider_field(Artifact),
        "std_soname": provider_field(Artifact),
        "std_directory": provider_field(Artifact),
        # The mode of LTO, one of LTO_MODES.
        "lto": provider_field(str),
    },
)

DylibInfo = provider(
    doc = "A Rust dylib and those that it may need.",
    # @unsorted-dict-items
    fields = {
        # The dylibs, each with its manifest: a dict from file name to a struct of `dylib` and
        # `manifest` (Artifact).
        "dylibs": provider_field(dict[str, struct]),
    },
)
