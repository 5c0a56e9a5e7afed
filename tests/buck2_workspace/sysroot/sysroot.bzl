"""A toolchain whose standard library is crates that every target depends on, as the prelude's `advanced_unstable_linking` wants it.

Its users compile those crates themselves. Here they are those that come with rustc, whose metadata lies beside their rlibs and is put inside.
"""

load("@prelude//:artifact_tset.bzl", "ArtifactTSet")
load("@prelude//cxx:cxx_toolchain_types.bzl", "LinkerType", "PicBehavior")
load("@prelude//linking:link_info.bzl", "Archive", "ArchiveLinkable", "LibOutputStyle", "LinkInfo", "LinkInfos", "LinkStrategy", "MergedLinkInfo", "create_merged_link_info")
load("@prelude//linking:linkable_graph.bzl", "LinkableGraph", "create_linkable_graph", "create_linkable_graph_node", "create_linkable_node")
load("@prelude//linking:shared_libraries.bzl", "SharedLibraries", "SharedLibraryInfo", "merge_shared_libraries")
load("@prelude//linking:types.bzl", "Linkage")
load("@prelude//rust:build_params.bzl", "MetadataKind")
load("@prelude//rust:crate_name.bzl", "CrateName")
load("@prelude//rust:link_info.bzl", "RustArtifact", "RustExportedLinkDeps", "RustLinkInfo", "RustLinkStrategyInfo", "RustLinkableGraphs", "RustNativeLinkDeps", "TransitiveDeps")
load("@prelude//rust:rust_toolchain.bzl", "RustExplicitSysrootDeps", "RustToolchainInfo", "rust_toolchain_attrs")
load("@prelude//third-party:providers.bzl", "third_party_build_info")

_WITH_METADATA = """
set -e
rlib=$(echo "$(rustc --print sysroot)"/lib/rustlib/"$2"/lib/lib"$1"-*.rlib)
mkdir "$5"
cp "${rlib%.rlib}.rmeta" "$5/lib.rmeta"
cp "$rlib" "$3"
ar r "$3" "$5/lib.rmeta"
ar rc "$4" "$5/lib.rmeta"
"""

def _sysroot_crate_impl(ctx: AnalysisContext) -> list[Provider]:
    crate = CrateName(simple = ctx.label.name, dynamic = None)
    rlib = ctx.actions.declare_output("rlib/lib{}.rlib".format(crate.simple))
    hollow = ctx.actions.declare_output("hollow/lib{}.rlib".format(crate.simple))
    scratch = ctx.actions.declare_output("scratch", dir = True)
    ctx.actions.run(
        cmd_args("sh", "-c", _WITH_METADATA, "sh", crate.simple, ctx.attrs.triple, rlib.as_output(), hollow.as_output(), scratch.as_output()),
        category = "sysroot_crate",
        local_only = True,
    )
    below = [dep[RustLinkInfo] for dep in ctx.attrs.deps]
    outputs = {kind: rlib if kind == MetadataKind("link") else hollow for kind in map(MetadataKind, MetadataKind.values())}
    single = {kind: ctx.actions.tset(TransitiveDeps, value = RustArtifact(artifact = output, crate = crate)) for kind, output in outputs.items()}
    strategies = {}
    for strategy in map(LinkStrategy, LinkStrategy.values()):
        infos = [info.strategies[strategy] for info in below]
        strategies[strategy] = RustLinkStrategyInfo(
            outputs = outputs,
            singleton_tset = single,
            transitive_deps = {
                kind: ctx.actions.tset(TransitiveDeps, children = [info.singleton_tset[kind] for info in infos] + [info.transitive_deps[kind] for info in infos])
                for kind in outputs
            },
            transitive_proc_macro_deps = set(),
            rust_debug_info = ArtifactTSet(),
        )
    archive = LinkInfos(default = LinkInfo(linkables = [ArchiveLinkable(archive = Archive(artifact = rlib), linker_type = LinkerType("gnu"))]))
    link_infos = {LibOutputStyle("archive"): archive, LibOutputStyle("pic_archive"): archive}
    graphs = [dep[LinkableGraph] for dep in ctx.attrs.deps]
    merged = create_merged_link_info(
        ctx,
        PicBehavior("supported"),
        link_infos,
        exported_deps = [dep[MergedLinkInfo] for dep in ctx.attrs.deps],
        preferred_linkage = Linkage("static"),
    )
    node = create_linkable_node(
        ctx = ctx,
        preferred_linkage = Linkage("static"),
        exported_deps = graphs,
        link_infos = link_infos,
        shared_libs = SharedLibraries(label = ctx.label, libraries = []),
        default_soname = None,
    )
    graph = create_linkable_graph(ctx, node = create_linkable_graph_node(ctx, linkable_node = node), deps = graphs)
    shared = merge_shared_libraries(ctx.actions, deps = [dep[SharedLibraryInfo] for dep in ctx.attrs.deps])
    return [
        DefaultInfo(default_output = rlib),
        RustLinkInfo(
            crate = crate,
            strategies = strategies,
            native_link_deps = ctx.actions.tset(
                RustNativeLinkDeps,
                value = [(ctx.label.configured_target(), merged)] if ctx.attrs.linked_by_cxx else [],
                children = [info.native_link_deps for info in below],
            ),
            linkable_graphs = ctx.actions.tset(
                RustLinkableGraphs,
                value = [graph] if ctx.attrs.linked_by_cxx else [],
                children = [info.linkable_graphs for info in below],
            ),
            shared_libs = shared,
            third_party_build_info = third_party_build_info(actions = ctx.actions),
            exported_link_deps = ctx.actions.tset(RustExportedLinkDeps),
        ),
        merged,
        graph,
        shared,
    ]

sysroot_crate = rule(
    doc = "A crate of the standard library, as a dependency.",
    impl = _sysroot_crate_impl,
    attrs = {
        "deps": attrs.list(attrs.dep(), doc = "The crates below it."),
        "labels": attrs.list(attrs.string(), default = [], doc = "As of every rule of the prelude."),
        "linked_by_cxx": attrs.bool(doc = "Whether the C++ linker is given it, as with `advanced_unstable_linking`."),
        "triple": attrs.string(default = "x86_64-unknown-linux-gnu", doc = "For what it is compiled."),
    },
)

def _toolchain_impl(ctx: AnalysisContext) -> list[Provider]:
    base = ctx.attrs.base[RustToolchainInfo]
    crates = {dep.label.name: dep for dep in ctx.attrs.crates}
    fields = {name: getattr(base, name) for name in rust_toolchain_attrs} | {
        "advanced_unstable_linking": ctx.attrs.advanced_unstable_linking,
        "explicit_sysroot_deps": RustExplicitSysrootDeps(
            core = crates.pop("core"),
            std = crates.pop("std"),
            proc_macro = crates.pop("proc_macro"),
            panic_unwind = crates.pop("panic_unwind"),
            panic_abort = None,
            others = crates.values(),
        ),
        "linker_flags": base.linker_flags + ctx.attrs.linker_flags,
        "nightly_features": True,
        # For `--extern=noprelude:`.
        "extra_rustc_flags": base.extra_rustc_flags + ["-Zunstable-options"],
    }
    return [DefaultInfo(), RustToolchainInfo(**fields)]

explicit_sysroot_toolchain = rule(
    doc = "The base, with crates in place of its sysroot.",
    impl = _toolchain_impl,
    attrs = {
        "advanced_unstable_linking": attrs.bool(doc = "As of the prelude's RustToolchainInfo."),
        "base": attrs.toolchain_dep(providers = [RustToolchainInfo], doc = "The toolchain."),
        "crates": attrs.list(attrs.dep(), doc = "The standard library: core, std, proc_macro, panic_unwind, and what else may be named."),
        "linker_flags": attrs.list(attrs.string(), default = [], doc = "As of the prelude's RustToolchainInfo."),
    },
    is_toolchain_rule = True,
)
