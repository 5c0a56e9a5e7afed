"""The action that links a crate from its plan, its modules and the compiled crates."""

load("//rules/buck2/private:dylibs.bzl", "link_arguments")
load("//rules/buck2/private:prelude.bzl", "at_argfile")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")
load("//rules/buck2/private:settings.bzl", "crates_io", "default_linker", "has_report_times", "is_auditable")
load(":distributed_lto.bzl", "declare_distributed_lto")

def _label(rlib: Artifact) -> list[str]:
    return ["--crate-label={}={}".format(rlib.basename, rlib.owner.raw_target())] if rlib.owner else []

def _purl(rlib: Artifact) -> list[str]:
    """Makes the argument that says of which package of crates.io a library is, if it is of one."""
    if not rlib.owner:
        return []
    label = str(rlib.owner.raw_target())
    package, _, target = label.partition(":")
    if package not in crates_io:
        return []

    # The first part that begins with a digit begins the version.
    parts = target.split("-")
    for at in range(1, len(parts)):
        if parts[at] and parts[at][0].isdigit() and "." in parts[at]:
            name, version = "-".join(parts[:at]), "-".join(parts[at:])
            return ["--crate-purl={}=pkg:cargo/{}@{}".format(rlib.basename, name, version.replace("+", "%2B"))]
    return []

def declare_link_only(
        ctx: AnalysisContext,
        compile_ctx,
        compiled: struct,
        dependencies: struct,
        native: struct,
        dylibs: struct | None,
        outputs: dict[str, Artifact],
        directory: str,
        dwo_dir: Artifact | None = None,
        is_lto_distributed: bool = False) -> struct:
    """Declares the action that links a crate, as one crate type or several.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        compiled: What `declare_no_link` returned.
        dependencies: What `find_dependencies` returned: the Rust crates below it.
        native: What `native_links` returned: the native libraries below it.
        dylibs: What `find_dylibs` returned: what it may be linked with dynamically.
        outputs: The artifacts to write, by crate type.
        directory: The folder for the action's other outputs.
        dwo_dir: The folder for the split debug information of what LTO makes. Default: it stays
            inside.
        is_lto_distributed: Whether thin LTO is done by actions of their own. Default: False.

    Returns:
        A struct of `report` (Artifact) and `manifest` (Artifact; None if no output is a dylib).
    """
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    report = ctx.actions.declare_output(directory + "/report.json")

    # The tool writes the manifest beside the dylib, and later looks for it there.
    manifest = ctx.actions.declare_output(outputs["dylib"].short_path + ".manifest.json") if "dylib" in outputs else None
    linker = ctx.attrs.linker or default_linker
    linked = cmd_args(
        cmd_args(compiled.plan, format = "--plan={}"),
        cmd_args(compiled.modules, format = "--modules={}"),
        cmd_args(dependencies.rlibs.project_as_args("artifacts_args"), format = "--rlib={}"),
        cmd_args(split.sysroot, format = "--sysroot={}"),
        link_arguments(dylibs, outputs.keys()),
        hidden = [native.inputs, compile_ctx.linker_with_pre_args],
    )
    rlibs = [rlib.artifact for rlib in dependencies.rlibs.traverse()]
    args = cmd_args(
        linked,
        "--lto=" + split.lto if split.lto != "off" else [],
        declare_distributed_lto(ctx, linked, rlibs, outputs.keys(), directory) if is_lto_distributed else [],
        cmd_args(split.lto_engine, format = "--lto-engine={}") if split.lto == "fat" else [],
        cmd_args(dwo_dir.as_output(), format = "--dwo-dir={}") if dwo_dir else [],
        "--linker=" + linker if linker != "default" else [],
        cmd_args(report.as_output(), format = "--report={}"),
        "--report-times" if has_report_times else [],
        # Whoever links a staticlib has more in it.
        ["--auditable", dependencies.edge_args] if is_auditable and [each for each in outputs if each not in ("proc-macro", "staticlib")] else [],
        [_label(rlib) + _purl(rlib) for rlib in rlibs],
        [cmd_args(output.as_output(), format = "--output=" + crate_type + "={}") for crate_type, output in outputs.items()],
        hidden = manifest.as_output() if manifest else [],
    )
    ctx.actions.run(
        cmd_args(split.tool, "link-only", at_argfile(actions = ctx.actions, name = directory + "/link_only.args", args = args, allow_args = True)),
        category = "splitlink_link_only",
        identifier = ",".join(outputs.keys()),
        allow_cache_upload = bool(getattr(ctx.attrs, "allow_cache_upload", None)),
    )
    return struct(report = report, manifest = manifest)
