"""The native libraries below a crate that is linked."""

load(":prelude.bzl", "LibOutputStyle", "LinkArgs", "LinkStrategy", "create_linkable_graph", "dfs_dedupe_by_label", "executable_shared_lib_arguments", "get_lib_output_style", "get_link_args_for_strategy", "inherited_linkable_graphs", "inherited_merged_link_infos", "inherited_shared_libs", "make_link_args", "merge_shared_libraries", "traverse_shared_library_info")

def _shared_libraries(ctx: AnalysisContext, compile_ctx, link_strategy: LinkStrategy) -> list:
    # A program gets a folder of links to these beside it, by which it finds them when it runs. They
    # are chosen as the prelude chooses them.
    if link_strategy == LinkStrategy("shared"):
        below = inherited_shared_libs(ctx, compile_ctx.dep_ctx)
    else:
        handling = getattr(ctx.attrs, "runtime_dependency_handling", None) or compile_ctx.cxx_toolchain_info.runtime_dependency_handling.value
        if handling != "symlink":
            return []
        graph = create_linkable_graph(ctx, deps = dfs_dedupe_by_label(inherited_linkable_graphs(ctx, compile_ctx.dep_ctx)))
        linkables = [node.linkable for node in graph.nodes.traverse() if node.linkable]
        below = [
            merge_shared_libraries(ctx.actions, node = linkable.shared_libs)
            for linkable in linkables
            if not linkable.stub and
               get_lib_output_style(link_strategy, linkable.preferred_linkage, compile_ctx.cxx_toolchain_info.pic_behavior) == LibOutputStyle("shared_lib")
        ]
    return traverse_shared_library_info(merge_shared_libraries(ctx.actions, deps = below), transformation_provider = None)

def native_links(ctx: AnalysisContext, compile_ctx, link_strategy: LinkStrategy, directory: str, executable: Artifact | None) -> struct:
    """Writes down how the native libraries that a target depends on are linked.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        link_strategy: How they are linked.
        directory: The folder for what is declared on the way.
        executable: The program that they are linked into; None for anything else, whose users find
            its shared libraries.

    Returns:
        A struct of `arguments` (a file of linker arguments), `inputs` (cmd_args: the file and what
        it names) and `runtime_files` (a list of what a program needs when it runs).
    """
    cxx_toolchain = compile_ctx.cxx_toolchain_info
    flags = []
    runtime_files = []
    if executable:
        at_run_time = executable_shared_lib_arguments(ctx, cxx_toolchain, executable, _shared_libraries(ctx, compile_ctx, link_strategy))
        flags = at_run_time.extra_link_args
        runtime_files = at_run_time.runtime_files
    inherited = get_link_args_for_strategy(
        ctx.actions,
        ctx.label,
        cxx_toolchain.linker_info,
        inherited_merged_link_infos(ctx, compile_ctx.dep_ctx),
        link_strategy,
        prefer_stripped = False,
        transformation_spec_context = None,
    )
    made = make_link_args(ctx, ctx.actions, cxx_toolchain, [LinkArgs(flags = flags), inherited])

    # no-link names the file, so its path may not depend on what is in it.
    arguments, _ = ctx.actions.write(directory + "/linker_arguments.txt", made.link_args, allow_args = True, has_content_based_path = False)
    return struct(
        arguments = arguments,
        inputs = cmd_args(arguments, hidden = [made.link_args, made.hidden]),
        runtime_files = runtime_files,
    )
