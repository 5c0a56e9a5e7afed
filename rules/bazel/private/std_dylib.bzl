"""The standard library's dylib, as the sysroot has it."""

load(":arguments.bzl", "new_arguments")
load(":toolchains.bzl", "RUST_TOOLCHAIN_TYPE", "SPLIT_TOOLCHAINS", "find_toolchains", "unsupported")

StdDylibInfo = provider(
    doc = "The standard library's dylib.",
    fields = {
        "dylib": "File: libstd-*.so, or None if the toolchain has none.",
        "manifest": "File: which crates it contains (docs/dependency-formats.md), or None.",
    },
)

def _is_std_dylib(file):
    return "/lib/rustlib/" in file.path and file.basename.startswith("libstd-") and file.extension == "so"

def _std_dylib_impl(ctx):
    toolchains = find_toolchains(ctx)
    if unsupported(toolchains):
        return [StdDylibInfo(dylib = None, manifest = None)]
    found = [f for f in toolchains.rust.all_files.to_list() if _is_std_dylib(f)]
    if not found:
        return [StdDylibInfo(dylib = None, manifest = None)]
    dylib = found[0]
    manifest = ctx.actions.declare_file(ctx.label.name + ".manifest.json")
    args = new_arguments(ctx)
    args.add("--rustc", toolchains.rust.rustc)
    args.add("--libdir", dylib.dirname)
    args.add("--output", manifest)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["std-manifest", args],
        inputs = toolchains.rust.all_files,
        outputs = [manifest],
        mnemonic = "SplitlinkStdManifest",
        progress_message = "Listing the crates in " + dylib.basename,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return [StdDylibInfo(dylib = dylib, manifest = manifest)]

std_dylib = rule(
    implementation = _std_dylib_impl,
    doc = "Finds the dylib of the target platform's standard library, and what it contains.",
    provides = [StdDylibInfo],
    toolchains = SPLIT_TOOLCHAINS,
)
