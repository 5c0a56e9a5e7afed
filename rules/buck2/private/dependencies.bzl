"""The Rust crates below one that is linked."""

load(":prelude.bzl", "CrateName", "MetadataKind", "RustLinkInfo", "TransitiveDeps", "extern_arg", "get_available_proc_macros", "normalize_crate", "resolve_rust_deps", "strategy_info")

def _edges(direct: list[typing.Any]) -> list[str]:
    """Finds which crate names which among its own dependencies.

    The prelude has no list of them. It has, for each crate, a set without a value, whose children
    are those of its dependencies by twos: the crate's own file, and the set of what it names
    (`_compute_transitive_deps` of prelude/rust/rust_library.bzl).

    Args:
        direct: The children of the linked crate's own set.

    Returns:
        A list of `[RLIB]=RLIB`, in which the linked crate has no name.
    """
    edges = []
    seen = {}
    open = [("", direct)]

    # Starlark has no loop without an end. A crate is opened once, and a graph is less deep.
    for _ in range(1000):
        next = []
        for crate, children in open:
            for at in range(0, len(children) - 1, 2):
                own = children[at].value
                if own == None:
                    # Another prelude, another order: better no edge than a wrong one.
                    return []
                name = own.artifact.basename
                edges.append("{}={}".format(crate, name))
                if name not in seen:
                    seen[name] = True
                    next.append((name, children[at + 1].children))
        open = next
        if not open:
            break
    return edges

def find_dependencies(ctx: AnalysisContext, compile_ctx, link_strategy) -> struct:
    """Gathers the Rust crates that a target depends on.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.
        link_strategy: How dependencies are compiled.

    Returns:
        A struct of `externs` (cmd_args that name the direct ones to rustc), of `edge_args` (arguments
        that say which crate names which among its own dependencies) and of three
        TransitiveDeps: `metadata` (hollow rlibs, which no-link compiles against), `rlibs` (their
        code, which link-only links) and `proc_macros`.
    """
    externs = cmd_args()
    direct = []
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
        direct += [strategy.singleton_tset[MetadataKind("link")], strategy.transitive_deps[MetadataKind("link")]]
        rlibs += [strategy.singleton_tset[MetadataKind("link")], strategy.transitive_deps[MetadataKind("link")]]
        for marker in strategy.transitive_proc_macro_deps:
            below = strategy_info(compile_ctx.toolchain_info, available_proc_macros[marker.label][RustLinkInfo], link_strategy)
            proc_macros.append(below.singleton_tset[MetadataKind("link")])
    return struct(
        externs = externs,
        edge_args = ["--edge=" + edge for edge in _edges(direct)],
        metadata = ctx.actions.tset(TransitiveDeps, children = metadata),
        rlibs = ctx.actions.tset(TransitiveDeps, children = rlibs),
        proc_macros = ctx.actions.tset(TransitiveDeps, children = proc_macros),
    )
