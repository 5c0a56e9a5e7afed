"""The native libraries below a crate that is linked."""

load("@prelude//cxx:cxx_link_utility.bzl", "executable_shared_lib_arguments", "make_link_args")
load("@prelude//linking:link_info.bzl", "LinkArgs", "LinkStrategy", "get_link_args_for_strategy")
load("@prelude//linking:shared_libraries.bzl", "merge_shared_libraries", "traverse_shared_library_info")
load("@prelude//rust:link_info.bzl", "inherited_merged_link_infos", "inherited_shared_libs")

def native_links(ctx: AnalysisContext, compile_ctx, link_strategy: LinkStrategy, directory: str, executable: Artifact | None) -> struct:
    """Writes down how the native libraries that a target depends on are linked.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        link_strategy: How they are linked.
        directory: The folder for what is declared on the way.
        executable: The program that they are linked into; None for anything else, whose users find its shared libraries.

    Returns:
        A struct of `arguments` (a file of linker arguments), `inputs` (cmd_args: the file and what it names) and `runtime_files` (a list: what
        a program needs when it runs).
    """
    cxx_toolchain = compile_ctx.cxx_toolchain_info
    flags = []
    runtime_files = []
    if executable:
        shared_libs = []
        if link_strategy == LinkStrategy("shared"):
            found = merge_shared_libraries(ctx.actions, deps = inherited_shared_libs(ctx, compile_ctx.dep_ctx))
            shared_libs = traverse_shared_library_info(found, transformation_provider = None)
        at_run_time = executable_shared_lib_arguments(ctx, cxx_toolchain, executable, shared_libs)
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
