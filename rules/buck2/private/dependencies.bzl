"""The Rust crates below one that is linked."""

load(":prelude.bzl", "CrateName", "MetadataKind", "RustLinkInfo", "TransitiveDeps", "extern_arg", "get_available_proc_macros", "normalize_crate", "resolve_rust_deps", "strategy_info")

def find_dependencies(ctx: AnalysisContext, compile_ctx, link_strategy) -> struct:
    """Gathers the Rust crates that a target depends on.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        link_strategy: How dependencies are compiled.

    Returns:
        A struct of `externs` (cmd_args that name the direct ones to rustc) and of three
        TransitiveDeps: `metadata` (hollow rlibs, which no-link compiles against), `rlibs` (their
        code, which link-only links) and `proc_macros`.
    """
    externs = cmd_args()
    metadata = []
    rlibs = []
    proc_macros = []
    available_proc_macros = get_available_proc_macros(ctx)
    for dep in resolve_rust_deps(ctx, compile_ctx.dep_ctx):
        crate = CrateName(simple = normalize_crate(dep.name), dynamic = None) if dep.name else dep.info.crate
        strategy = strategy_info(compile_ctx.toolchain_info, dep.info, link_strategy)
        externs.add(extern_arg(dep.flags, crate, strategy.outputs[MetadataKind("full")]))
        if dep.proc_macro_marker != None:
            proc_macros.append(strategy.singleton_tset[MetadataKind("link")])
            continue
        metadata += [strategy.singleton_tset[MetadataKind("full")], strategy.transitive_deps[MetadataKind("full")]]
        rlibs += [strategy.singleton_tset[MetadataKind("link")], strategy.transitive_deps[MetadataKind("link")]]
        for marker in strategy.transitive_proc_macro_deps:
            below = strategy_info(compile_ctx.toolchain_info, available_proc_macros[marker.label][RustLinkInfo], link_strategy)
            proc_macros.append(below.singleton_tset[MetadataKind("link")])
    return struct(
        externs = externs,
        metadata = ctx.actions.tset(TransitiveDeps, children = metadata),
        rlibs = ctx.actions.tset(TransitiveDeps, children = rlibs),
        proc_macros = ctx.actions.tset(TransitiveDeps, children = proc_macros),
    )
