"""The standard library's dylib, as the sysroot has it."""

load("//rules/bazel/private:providers.bzl", "StdDylibInfo")
load("//rules/bazel/private:toolchain_parts.bzl", "ToolchainPartsInfo", "is_std_dylib")
load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE", "SPLIT_TOOLCHAINS", "find_toolchains", "unsupported")
load("//rules/bazel/private/actions:arguments.bzl", "new_arguments")

def _std_dylib_impl(ctx):
    toolchains = find_toolchains(ctx)
    if unsupported(toolchains):
        return [StdDylibInfo(dylib = None, manifest = None)]
    compile = ctx.attr._toolchain_parts[ToolchainPartsInfo].compile
    found = [f for f in compile.to_list() if is_std_dylib(f)]
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
        inputs = compile,
        outputs = [manifest],
        mnemonic = "SplitlinkStdManifest",
        progress_message = "Listing the crates in " + dylib.basename,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return [StdDylibInfo(dylib = dylib, manifest = manifest)]

std_dylib = rule(
    implementation = _std_dylib_impl,
    doc = "Finds the dylib of the target platform's standard library, and lists its crates.",
    attrs = {
        "_toolchain_parts": attr.label(
            default = Label("//rules/bazel/private:toolchain_parts"),
            providers = [ToolchainPartsInfo],
        ),
    },
    provides = [StdDylibInfo],
    toolchains = SPLIT_TOOLCHAINS,
)
