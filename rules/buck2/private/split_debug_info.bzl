"""Debug information in files of its own, as the C++ toolchain's `split_debug_mode` asks for it."""

load(":prelude.bzl", "inherited_external_debug_info")

def splits_debug_info(ctx: AnalysisContext, compile_ctx) -> bool:
    """Finds whether a target's debug information goes into files of its own.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.

    Returns:
        True or False.
    """
    mode = compile_ctx.cxx_toolchain_info.split_debug_mode
    if not mode or mode.value == "none":
        return False
    if mode.value != "split":
        fail("{}: the C++ toolchain's `split_debug_mode` is `{}`, and splitlink's rules know `none` and `split`; set it to one of them".format(
            ctx.label.raw_target(),
            mode.value,
        ))
    return True

def find_dwos(ctx: AnalysisContext, compile_ctx, link_strategy) -> list[Artifact]:
    """Gathers the split debug information below a crate that is linked.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        link_strategy: How its dependencies are compiled.

    Returns:
        Folders of `.dwo` files, one for each Rust crate, and the `.dwo` files of C and C++ code.
    """
    below = inherited_external_debug_info(ctx, compile_ctx.dep_ctx, link_strategy)._tset
    if not below:
        return []
    found = {}
    for infos in below.traverse():
        for info in infos:
            found.update({artifact: None for artifact in info.artifacts})
    return found.keys()
