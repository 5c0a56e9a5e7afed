"""The action that links a crate from its plan, its modules and the compiled crates."""

load("@prelude//utils:argfile.bzl", "at_argfile")
load(":dylibs.bzl", "link_arguments")
load(":providers.bzl", "SplitlinkToolchainInfo")

def declare_link_only(
        ctx: AnalysisContext,
        compile_ctx,
        compiled: struct,
        dependencies: struct,
        native: struct,
        dylibs: struct | None,
        crate_type: str,
        output: Artifact,
        directory: str) -> struct:
    """Declares the action that links a crate.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        compiled: What no-link made.
        dependencies: The Rust crates below it.
        native: The native libraries below it.
        dylibs: What it may be linked with dynamically.
        crate_type: What it is.
        output: The artifact to write.
        directory: The folder for the action's other outputs.

    Returns:
        A struct of `output`, `report` and `manifest` (Artifact; the last None if it is no dylib).
    """
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    report = ctx.actions.declare_output(directory + "/report.json")

    # The tool writes it beside the dylib, and looks for it there.
    manifest = ctx.actions.declare_output(output.short_path + ".manifest.json") if crate_type == "dylib" else None
    args = cmd_args(
        cmd_args(compiled.plan, format = "--plan={}"),
        cmd_args(compiled.modules, format = "--modules={}"),
        cmd_args(dependencies.rlibs.project_as_args("artifacts_args"), format = "--rlib={}"),
        cmd_args(split.sysroot, format = "--sysroot={}"),
        "--lto=" + split.lto if split.lto != "off" else [],
        cmd_args(split.lto_engine, format = "--lto-engine={}") if split.lto == "fat" else [],
        link_arguments(dylibs, crate_type),
        cmd_args(report.as_output(), format = "--report={}"),
        cmd_args(output.as_output(), format = "--output=" + crate_type + "={}"),
        hidden = [native.inputs, compile_ctx.linker_with_pre_args] + ([manifest.as_output()] if manifest else []),
    )
    ctx.actions.run(
        cmd_args(split.tool, "link-only", at_argfile(actions = ctx.actions, name = directory + "/link_only.args", args = args, allow_args = True)),
        category = "splitlink_link_only",
        identifier = crate_type,
    )
    return struct(output = output, report = report, manifest = manifest)
