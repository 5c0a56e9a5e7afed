"""The action that compiles a crate which is to be linked."""

load("//rules/buck2/private:prelude.bzl", "at_argfile", "attr_crate", "crate_root", "process_env")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")

def _lints(flag: str, lints: list[typing.Any]) -> cmd_args:
    return cmd_args([lint for lint in lints if not str(lint).startswith('"clippy::')], format = "-" + flag + "{}")

def _rustc_flags(flags: list[typing.Any]) -> list[typing.Any]:
    # As the prelude has it, whose rules for documentation share the flags: rustdoc knows no `-g`.
    return ["-Cdebuginfo=2" if isinstance(flag, str) and flag == "-g" else flag for flag in flags]

def _of_toolchain(toolchain, unstable: bool) -> list[typing.Any]:
    # What a toolchain's fields mean to rustc, as the prelude tells it to libraries.
    flags = []
    if toolchain.panic_runtime.value == "abort":
        flags.append("-Cpanic=abort")
        if unstable:
            flags.append("-Zpanic-abort-tests=yes")
    if getattr(toolchain, "sanitizer", None):
        flags.append("-Zsanitizer=" + toolchain.sanitizer.value)
    if toolchain.explicit_sysroot_deps and toolchain.explicit_sysroot_deps.core:
        if getattr(toolchain, "pgo_generate_dir", None):
            flags += ["-Cprofile-generate=" + toolchain.pgo_generate_dir, "-Zno-profiler-runtime"]
        if getattr(toolchain, "pgo_profile", None):
            flags.append(cmd_args(toolchain.pgo_profile, format = "-Cprofile-use={}"))
    return flags

def _rustc_arguments(
        ctx: AnalysisContext,
        compile_ctx,
        crate_type: str,
        relocation_model: str,
        default_roots: list[str],
        flags: list[typing.Any]) -> cmd_args:
    # The arguments that the prelude's rules give rustc, in their order, without those for outputs
    # and dependencies.
    toolchain = compile_ctx.toolchain_info
    edition = ctx.attrs.edition or toolchain.default_edition
    if not edition:
        fail("{} has no `edition`, and the Rust toolchain has no `default_edition`. Set one of them.".format(ctx.label))
    crate = attr_crate(ctx)
    if crate.dynamic:
        fail("{}: a crate that is linked through splitlink needs a name that is known beforehand; set `crate`".format(ctx.label))
    sources = compile_ctx.symlinked_srcs
    return cmd_args(
        _lints("A", toolchain.allow_lints),
        _lints("D", toolchain.deny_lints),
        _lints("W", toolchain.deny_on_check_lints),
        _lints("W", toolchain.warn_lints),
        cmd_args(sources, "/", crate_root(ctx, default_roots), delimiter = ""),
        cmd_args("--crate-name=", crate.simple, delimiter = ""),
        "--crate-type=" + crate_type,
        "-Crelocation-model=" + relocation_model,
        "--edition=" + edition,
        "-Cmetadata={}#{}".format(ctx.label.raw_target(), toolchain.configuration_hash or ctx.label.configured_target().config().hash),
        "--error-format=json",
        "--json=diagnostic-rendered-ansi",
        "--target=" + toolchain.rustc_target_triple,
        compile_ctx.sysroot_args,
        _of_toolchain(toolchain, ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].unstable),
        _rustc_flags(toolchain.rustc_flags),
        _rustc_flags(list(toolchain.rustc_coverage_flags)) if ctx.attrs.coverage else [],
        _rustc_flags(ctx.attrs.rustc_flags),
        _rustc_flags(toolchain.extra_rustc_flags),
        cmd_args(ctx.attrs.features, format = '--cfg=feature="{}"'),
        cmd_args("--remap-path-prefix=", sources, "/=", sources.owner.path, "/", delimiter = ""),
        flags,
        hidden = compile_ctx.transitive_srcs.project_as_args("artifacts"),
    )

def declare_no_link(
        ctx: AnalysisContext,
        compile_ctx,
        dependencies: struct,
        native: struct,
        *,
        crate_types: list[str],
        output: Artifact,
        directory: str,
        relocation_model: str,
        default_roots: list[str],
        flags: list[typing.Any],
        dylib_of: Artifact | None,
        dwo_dir: Artifact | None) -> struct:
    """Declares the action that compiles a crate as far as its link plan.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        dependencies: What `find_dependencies` returned: the Rust crates below it.
        native: What `native_links` returned: the native libraries below it.
        crate_types: The crate types that the crate is compiled as.
        output: The artifact that link-only will write, or one of several.
        directory: The folder for the action's outputs.
        relocation_model: rustc's `-Crelocation-model`.
        default_roots: The names that the crate's root file may have, where the target names none.
        flags: More flags for rustc.
        dylib_of: The metadata (Artifact) of the library whose dylib is planned, in place of a crate
            of its own; None for a crate of its own.
        dwo_dir: The folder for its split debug information; None if it stays inside.

    Returns:
        A struct of `plan` and `modules` (Artifact).
    """
    toolchain = compile_ctx.toolchain_info
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    plan = ctx.actions.declare_output(directory + "/plan.json")
    modules = ctx.actions.declare_output(directory + "/modules", dir = True)
    diagnostics = ctx.actions.declare_output(directory + "/diagnostics.txt")
    diagnostics_json = ctx.actions.declare_output(directory + "/diagnostics.json")
    plain_env, path_env = process_env(compile_ctx, toolchain.rustc_env | ctx.attrs.env)
    if split.unstable and "RUSTC_BOOTSTRAP" not in plain_env:
        plain_env["RUSTC_BOOTSTRAP"] = "1"
    if getattr(toolchain, "rust_target_path", None):
        path_env["RUST_TARGET_PATH"] = toolchain.rust_target_path[DefaultInfo].default_outputs[0]
    args = cmd_args(
        cmd_args(diagnostics_json.as_output(), format = "--diag-json={}"),
        cmd_args(diagnostics.as_output(), format = "--diag-txt={}"),
        "--remap-cwd-prefix=.",
        "--buck-target={}".format(ctx.label.raw_target()),
        [cmd_args("--env=", key, "=", value, delimiter = "") for key, value in plain_env.items()],
        [cmd_args("--path-env=", key, "=", value, delimiter = "") for key, value in path_env.items()],
        split.tool,
        "no-link",
        cmd_args(plan.as_output(), format = "--plan={}"),
        cmd_args(modules.as_output(), format = "--modules={}"),
        "--crate-types=" + ",".join(crate_types) if len(crate_types) > 1 else [],
        cmd_args(dylib_of, format = "--dylib-of={}") if dylib_of else [],
        "--lto" if split.lto != "off" else [],
        cmd_args(dwo_dir.as_output(), format = "--dwo-dir={}") if dwo_dir else [],
        cmd_args(dependencies.metadata.project_as_args("artifacts_args"), format = "--metadata={}"),
        cmd_args(dependencies.proc_macros.project_as_args("artifacts_args"), format = "--proc-macro={}"),
        "--",
        split.rustc,
        "--rustc-action-separator",
        _rustc_arguments(ctx, compile_ctx, crate_types[0], relocation_model, default_roots, flags),
        dependencies.externs,
        # Only their names matter here; the files are inputs of link-only.
        cmd_args(native.arguments, format = "-Clink-arg=@{}", ignore_artifacts = True),
        cmd_args(compile_ctx.linker_with_pre_args, format = "-Clinker={}"),
        cmd_args(output, format = "--emit=link={}", ignore_artifacts = True),
    )
    ctx.actions.run(
        cmd_args(
            compile_ctx.internal_tools_info.rustc_action,
            at_argfile(actions = ctx.actions, name = directory + "/no_link.args", args = args, allow_args = True),
        ),
        category = "splitlink_no_link",
        identifier = ",".join(crate_types),
        error_handler = toolchain.rust_error_handler,
        allow_cache_upload = bool(getattr(ctx.attrs, "allow_cache_upload", None)),
    )
    return struct(plan = plan, modules = modules)
