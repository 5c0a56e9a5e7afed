"""The splitlink tool as a file that Cargo builds when Bazel fetches it, for every configuration."""

load(":cargo.bzl", "find_cargo", "run_cargo")

_BUILD_FILE = """\
load("@splitlink//rules/bazel:toolchain.bzl", "splitlink_toolchain")

splitlink_toolchain(
    name = "splitlink",
    splitlink = "bin/splitlink",
)

toolchain(
    name = "toolchain",
    exec_compatible_with = [
        "@platforms//cpu:{cpu}",
        "@platforms//os:linux",
    ],
    toolchain = ":splitlink",
    toolchain_type = "@splitlink//rules/bazel/toolchain:toolchain_type",
)
"""

_CPUS = {
    "aarch64": "aarch64",
    "amd64": "x86_64",
    "x86_64": "x86_64",
}

def _cargo_tool_repository_impl(ctx):
    cpu = _CPUS.get(ctx.os.arch)
    if not cpu or ctx.os.name != "linux":
        fail("splitlink: Cargo builds the tool for Linux on x86_64 and aarch64 only, and this is {} on {}".format(
            ctx.os.name,
            ctx.os.arch,
        ))
    manifest = ctx.path(Label("//:Cargo.toml"))
    ctx.watch(ctx.path(Label("//:Cargo.lock")))
    ctx.watch(manifest)
    ctx.watch_tree(manifest.dirname.get_child("tools/splitlink"))

    ctx.report_progress("building the splitlink tool with Cargo")
    target = ctx.path("target")
    run_cargo(ctx, find_cargo(ctx), [
        "build",
        "--release",
        "--locked",
        "--package=splitlink",
        "--manifest-path=" + str(manifest),
        "--target-dir=" + str(target),
    ], "build the splitlink tool")
    copied = ctx.execute(["install", "-D", str(target.get_child("release", "splitlink")), "bin/splitlink"])
    if copied.return_code:
        fail("splitlink: Cargo has built the tool, and it cannot be copied to {}: {}".format(ctx.path("bin"), copied.stderr))
    ctx.delete(target)
    ctx.file("BUILD.bazel", _BUILD_FILE.format(cpu = cpu))

_cargo_tool_repository = repository_rule(
    implementation = _cargo_tool_repository_impl,
    doc = "The tool, built by Cargo for this machine, and its toolchain.",
)

def _cargo_tool_impl(ctx):
    _cargo_tool_repository(name = "splitlink_by_cargo")

    # It is this machine's: another Cargo makes another file.
    return ctx.extension_metadata(reproducible = True)

cargo_tool = module_extension(
    implementation = _cargo_tool_impl,
    doc = "Makes the repository `splitlink_by_cargo`, whose `//:toolchain` is to be registered.",
)
