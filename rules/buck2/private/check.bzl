"""What the prelude's rules make of a crate besides its artifact.

That is messages, documentation and expanded source.
"""

load(":prelude.bzl", "DEFAULT_STATIC_LIB_OUTPUT_STYLE", "DEFAULT_STATIC_LINK_STRATEGY", "Emit", "LinkageLang", "OsLookup", "RuleType", "RustcExtraOutputsInfo", "build_params", "generate_rustdoc", "output_as_diag_subtargets", "rust_compile")

def check(ctx: AnalysisContext, compile_ctx, default_roots: list[str], flags: list[typing.Any], is_program: bool) -> struct:
    """Declares the prelude's own actions that link nothing.

    Args:
        ctx: The context of a rule with the attributes of the prelude's `rust_binary` or
            `rust_library`.
        compile_ctx: What the prelude's `compile_context` returned.
        default_roots: The names that the crate's root file may have, where the target names none.
        flags: More flags for rustc.
        is_program: Whether it is a program; else it is a library.

    Returns:
        A struct of `sub_targets` (a dict) and `providers` (a list).
    """
    params = build_params(
        rule = RuleType("binary" if is_program else "library"),
        proc_macro = getattr(ctx.attrs, "proc_macro", False),
        link_strategy = DEFAULT_STATIC_LINK_STRATEGY if is_program else None,
        lib_output_style = None if is_program else DEFAULT_STATIC_LIB_OUTPUT_STYLE,
        lang = LinkageLang("rust"),
        linker_type = compile_ctx.cxx_toolchain_info.linker_info.type,
        target_os_type = ctx.attrs._target_os_type[OsLookup],
    )

    def compile(emit: str, incremental: bool = False, is_for_messages: bool = True):
        return rust_compile(
            ctx = ctx,
            compile_ctx = compile_ctx,
            emit = Emit(emit),
            params = params,
            default_roots = default_roots,
            extra_flags = flags,
            incremental_enabled = incremental,
            infallible_diagnostics = is_for_messages,
        )

    messages = {incremental: compile("metadata-fast", incremental) for incremental in (False, True)}
    clippy = {incremental: compile("clippy", incremental) for incremental in (False, True)}
    incremental = ctx.attrs.incremental_enabled
    outputs = output_as_diag_subtargets(messages[incremental], clippy[incremental]) | {
        "doc": generate_rustdoc(
            ctx = ctx,
            compile_ctx = compile_ctx,
            params = params,
            default_roots = default_roots,
            document_private_items = is_program,
        ),
        "sources": compile_ctx.symlinked_srcs,
    }
    if compile_ctx.toolchain_info.nightly_features:
        outputs["expand"] = compile("expand", incremental, is_for_messages = not is_program).output
    return struct(
        sub_targets = {name: [DefaultInfo(default_output = output)] for name, output in outputs.items()},
        providers = [RustcExtraOutputsInfo(
            metadata = messages[False],
            metadata_incr = messages[True],
            clippy = clippy[False],
            clippy_incr = clippy[True],
            remarks = None,
        )],
    )
