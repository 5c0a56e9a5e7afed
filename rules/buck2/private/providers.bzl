"""Providers of the rules."""

SplitlinkToolchainInfo = provider(
    doc = "What the rules take from a `splitlink_rust_toolchain`.",
    # @unsorted-dict-items
    fields = {
        # How splitlink is run.
        "tool": provider_field(RunInfo),
        # How its engine of fat LTO is run.
        "lto_engine": provider_field(RunInfo),
        # The toolchain's own rustc, which no library is compiled with directly.
        "rustc": provider_field(RunInfo),
        # Whether that rustc is used with unstable features.
        "unstable": provider_field(bool),
        # A folder that holds lib/rustlib/<target>, which link-only takes the standard library from.
        "sysroot": provider_field(Artifact),
        # What the standard library's dylib contains.
        "std_manifest": provider_field(Artifact),
        # The standard library's dylib, a file that holds the name under which the loader looks for it, and a folder with it under that
        # name and nothing else.
        "std_dylib": provider_field(Artifact),
        "std_soname": provider_field(Artifact),
        "std_directory": provider_field(Artifact),
        # How what is linked is optimised as a whole: "off" or what `link-only --lto` takes.
        "lto": provider_field(str),
    },
)

DylibInfo = provider(
    doc = "A Rust dylib and those that it may need.",
    # @unsorted-dict-items
    fields = {
        # The dylibs, each with its manifest: a dict from file name to a struct of `dylib` and `manifest` (Artifact).
        "dylibs": provider_field(dict[str, struct]),
    },
)
