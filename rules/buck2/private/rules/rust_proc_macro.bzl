"""`rust_proc_macro` through the split."""

load("//rules/buck2/private:check.bzl", "check")
load("//rules/buck2/private:dylibs.bzl", "DYLIB_ATTRS")
load("//rules/buck2/private:prelude.bzl", "ArtifactTSet", "LinkStrategy", "MetadataKind", "RustArtifact", "RustExportedLinkDeps", "RustLinkInfo", "RustLinkStrategyInfo", "RustLinkableGraphs", "RustNativeLinkDeps", "TransitiveDeps", "attr_crate", "compile_context", "merge_shared_libraries", "rust_analyzer_provider", "rust_proc_macro_alias", "rust_rules", "third_party_build_info")
load("//rules/buck2/private:split.bzl", "check_target", "split")

def _link_info(ctx: AnalysisContext, output: Artifact) -> RustLinkInfo:
    crate = attr_crate(ctx)
    alone = ctx.actions.tset(TransitiveDeps, value = RustArtifact(artifact = output, crate = crate))
    none = ctx.actions.tset(TransitiveDeps)

    # Whatever is asked of a macro, the answer is its compiled file, which needs nothing else.
    info = RustLinkStrategyInfo(
        outputs = {kind: output for kind in MetadataKind},
        singleton_tset = {kind: alone for kind in MetadataKind},
        transitive_deps = {kind: none for kind in MetadataKind},
        transitive_proc_macro_deps = set(),
        rust_debug_info = ArtifactTSet(),
    )
    return RustLinkInfo(
        crate = crate,
        strategies = {strategy: info for strategy in LinkStrategy},
        native_link_deps = ctx.actions.tset(RustNativeLinkDeps),
        linkable_graphs = ctx.actions.tset(RustLinkableGraphs),
        shared_libs = merge_shared_libraries(ctx.actions),
        third_party_build_info = third_party_build_info(actions = ctx.actions),
        exported_link_deps = ctx.actions.tset(RustExportedLinkDeps),
    )

def _proc_macro_impl(ctx: AnalysisContext) -> list[Provider]:
    check_target(ctx)
    compile_ctx = compile_context(ctx)

    # Two macros of one name may meet in one program, so the file's name tells them apart.
    unique = "%x" % abs(hash(str(ctx.label.configured_target())))
    checked = check(ctx, compile_ctx, ["lib.rs"], [], is_program = False)
    output = ctx.actions.declare_output("lib{}-{}.so".format(attr_crate(ctx).simple, unique))
    made = split(
        ctx,
        compile_ctx,
        outputs = {"proc-macro": output},
        directory = ctx.label.name + ".splitlink",
        default_roots = ["lib.rs"],
        flags = ["--extern=proc_macro"],
    )
    return [
        _link_info(ctx, output),
        rust_analyzer_provider(ctx = ctx, compile_ctx = compile_ctx, default_roots = ["lib.rs"]),
        DefaultInfo(default_output = output, sub_targets = checked.sub_targets | made.sub_targets["proc-macro"]),
    ] + checked.providers

_proc_macro = rule(
    doc = "Builds a proc macro in two actions; `rust_proc_macro` declares it.",
    impl = _proc_macro_impl,
    attrs = rust_rules.rust_library.attrs | DYLIB_ATTRS,
    uses_plugins = rust_rules.rust_library.uses_plugins,
)

def rust_proc_macro(name: str, crate: str | None = None, visibility: list[str] = [], **kwargs):
    """Builds a proc macro in two actions, one that compiles and one that links.

    Args:
        name: The target's name.
        crate: The crate's name. Default: the target's, with `_` for `-`.
        visibility: Who may use it. Default: its package.
        **kwargs: The attributes of the prelude's `rust_library`, without `proc_macro`.
    """
    _proc_macro(
        name = "_" + name,
        crate = crate or name.replace("-", "_"),
        proc_macro = True,
        **kwargs
    )

    # As the prelude declares it: a macro is always built for the machine that builds, whoever
    # depends on it.
    rust_proc_macro_alias(
        name = name,
        actual_exec = ":_" + name,
        actual_plugin = ":_" + name,
        default_target_platform = kwargs.get("default_target_platform"),
        visibility = visibility,
    )
