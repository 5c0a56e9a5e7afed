"""What the rules for C and C++ libraries share."""

load(":check.bzl", "check")
load(":dylibs.bzl", "shared_libraries")
load(":prelude.bzl", "Archive", "ArchiveLinkable", "LibOutputStyle", "LinkInfo", "LinkInfos", "Linkage", "LinkedObject", "MergedLinkInfo", "ResourceInfo", "SharedLibLinkable", "SharedLibraries", "attr_simple_crate_for_filenames", "compile_context", "create_linkable_graph", "create_linkable_graph_node", "create_linkable_node", "create_merged_link_info", "create_shlib_from_ctx", "dfs_dedupe_by_label", "gather_resources", "get_shared_library_name_linker_flags", "inherited_exported_link_deps", "inherited_link_group_lib_infos", "inherited_linkable_graphs", "inherited_merged_link_infos", "inherited_shared_libs", "merge_link_group_lib_info", "merge_shared_libraries", "resolve_deps", "rust_attr_resources")
load(":refused.bzl", "refuse_linkage")
load(":split.bzl", "check_target", "split")

def library_file_name(ctx: AnalysisContext, compile_ctx, crate_type: str) -> str:
    """Gives the name of a library's file.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        crate_type: `cdylib`, `dylib` or `staticlib`.

    Returns:
        A file name, as the prelude has it.
    """
    return "lib{}.a".format(attr_simple_crate_for_filenames(ctx)) if crate_type == "staticlib" else compile_ctx.soname

def library_flags(compile_ctx) -> list[str]:
    """Makes the flags by which rustc tells the linker a shared library's name.

    Args:
        compile_ctx: What the prelude's `compile_context` returned.

    Returns:
        Flags for rustc.
    """
    linker_type = compile_ctx.cxx_toolchain_info.linker_info.type
    return ["-Clink-arg=" + flag for flag in get_shared_library_name_linker_flags(linker_type, compile_ctx.soname)]

def _link_infos(ctx: AnalysisContext, compile_ctx, crate_type: str, output: Artifact, dylibs: struct | None) -> dict[LibOutputStyle, LinkInfos]:
    # A linker looks for the shared libraries of a shared library, to see that nothing is missing.
    needed = dylibs.directories if dylibs and crate_type != "staticlib" else []

    def with_flags(linkable) -> LinkInfos:
        return LinkInfos(default = LinkInfo(
            linkables = [linkable],
            pre_flags = ctx.attrs.exported_linker_flags + [cmd_args(directory, format = "-Wl,-rpath-link,{}") for directory in needed],
            post_flags = ctx.attrs.exported_post_linker_flags,
        ))

    if crate_type == "staticlib":
        archive = with_flags(ArchiveLinkable(
            archive = Archive(artifact = output),
            linker_type = compile_ctx.cxx_toolchain_info.linker_info.type,
            link_whole = ctx.attrs.link_whole or False,
        ))
        return {LibOutputStyle("archive"): archive, LibOutputStyle("pic_archive"): archive}
    return {LibOutputStyle("shared_lib"): with_flags(SharedLibLinkable(lib = output))}

def library_providers(ctx: AnalysisContext, compile_ctx, crate_type: str, output: Artifact, dylibs: struct | None) -> list[Provider]:
    """Lets C and C++ targets depend on a library.

    Args:
        ctx: The context of a rule with the attributes of the prelude's `rust_library`.
        compile_ctx: What the prelude's `compile_context` returned.
        crate_type: `cdylib`, `dylib` or `staticlib`.
        output: Its file.
        dylibs: What `find_dylibs` returned.

    Returns:
        The providers that the prelude's rules for C and C++ ask of a dependency.
    """
    linkage = Linkage("static" if crate_type == "staticlib" else "shared")
    link_infos = _link_infos(ctx, compile_ctx, crate_type, output, dylibs)
    exported = dfs_dedupe_by_label(inherited_exported_link_deps(ctx, compile_ctx.dep_ctx))
    graphs = dfs_dedupe_by_label(inherited_linkable_graphs(ctx, compile_ctx.dep_ctx))
    shared_libs = SharedLibraries(
        label = ctx.label,
        libraries = [] if crate_type == "staticlib" else [
            create_shlib_from_ctx(ctx, compile_ctx.soname, LinkedObject(output = output, unstripped_output = output)),
        ] + shared_libraries(ctx, dylibs),
    )
    node = create_linkable_node(
        ctx = ctx,
        preferred_linkage = linkage,
        deps = graphs,
        exported_deps = exported,
        link_infos = link_infos,
        shared_libs = shared_libs,
        default_soname = compile_ctx.soname,
    )
    return [
        create_merged_link_info(
            ctx,
            compile_ctx.cxx_toolchain_info.pic_behavior,
            link_infos,
            deps = inherited_merged_link_infos(ctx, compile_ctx.dep_ctx),
            exported_deps = [dep[MergedLinkInfo] for dep in exported if MergedLinkInfo in dep],
            preferred_linkage = linkage,
        ),
        merge_shared_libraries(ctx.actions, shared_libs, inherited_shared_libs(ctx, compile_ctx.dep_ctx)),
        create_linkable_graph(ctx, node = create_linkable_graph_node(ctx, linkable_node = node), deps = graphs + exported),
        merge_link_group_lib_info(children = inherited_link_group_lib_infos(ctx, compile_ctx.dep_ctx)),
        ResourceInfo(resources = gather_resources(
            label = ctx.label,
            resources = rust_attr_resources(ctx),
            deps = [dep.dep for dep in resolve_deps(ctx, compile_ctx.dep_ctx)],
        )),
    ]

def library(ctx: AnalysisContext, crate_type: str) -> list[Provider]:
    """Builds a library for C and C++.

    Args:
        ctx: The context of a rule with the attributes of the prelude's `rust_library`.
        crate_type: `cdylib` or `staticlib`.

    Returns:
        The library's providers.
    """
    check_target(ctx)
    refuse_linkage(ctx, "static" if crate_type == "staticlib" else "shared")
    compile_ctx = compile_context(ctx)
    checked = check(ctx, compile_ctx, ["lib.rs"], [], is_program = False)
    output = ctx.actions.declare_output(library_file_name(ctx, compile_ctx, crate_type))
    made = split(
        ctx,
        compile_ctx,
        outputs = {crate_type: output},
        directory = ctx.label.name + ".splitlink",
        default_roots = ["lib.rs"],
        flags = library_flags(compile_ctx) if crate_type == "cdylib" else [],
    )
    return library_providers(ctx, compile_ctx, crate_type, output, made.dylibs) + checked.providers + [DefaultInfo(
        default_output = output,
        other_outputs = made.runtime_files,
        sub_targets = checked.sub_targets | made.sub_targets[crate_type],
    )]
