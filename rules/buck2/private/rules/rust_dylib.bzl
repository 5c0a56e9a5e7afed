"""`rust_dylib`: a library crate's dylib, linked from the code that it is compiled to anyway."""

load("//rules/buck2/private:dylibs.bzl", "DYLIB_ATTRS")
load("//rules/buck2/private:prelude.bzl", "DEFAULT_STATIC_LINK_STRATEGY", "MetadataKind", "compile_context", "resolve_rust_deps", "rust_rules", "strategy_info")
load("//rules/buck2/private:providers.bzl", "DylibInfo")
load("//rules/buck2/private:split.bzl", "check_target", "split")

def _dylib_of_impl(ctx: AnalysisContext) -> list[Provider]:
    check_target(ctx)
    compile_ctx = compile_context(ctx)
    crates = resolve_rust_deps(ctx, compile_ctx.dep_ctx)
    if len(crates) != 1 or crates[0].proc_macro_marker != None:
        fail("{}: `crate` is no rust_library".format(ctx.label))
    library = strategy_info(compile_ctx.toolchain_info, crates[0].info, DEFAULT_STATIC_LINK_STRATEGY)
    metadata = library.outputs[MetadataKind("full")]
    directory = ctx.label.name + ".splitlink"

    # The loader looks for it under the name of its crate.
    file_name = metadata.basename.removesuffix(".rlib") + ".so"
    output = ctx.actions.declare_output(directory + "/" + file_name)
    made = split(
        ctx,
        compile_ctx,
        outputs = {"dylib": output},
        directory = directory,
        default_roots = [],
        dylib_of = metadata,
    )
    dylibs = dict(made.dylibs.dylibs) if made.dylibs else {}
    dylibs[file_name] = struct(dylib = output, manifest = made.manifest)
    return [
        DylibInfo(dylibs = dylibs),
        DefaultInfo(
            default_output = output,
            other_outputs = made.runtime_files,
            sub_targets = made.sub_targets["dylib"] | {"manifest": [DefaultInfo(default_output = made.manifest)]},
        ),
    ]

_dylib_of = rule(
    doc = "Links the dylib of a `rust_library`; `rust_dylib` declares it.",
    impl = _dylib_of_impl,
    attrs = rust_rules.rust_library.attrs | DYLIB_ATTRS,
    uses_plugins = rust_rules.rust_library.uses_plugins,
)

def rust_dylib(name: str, crate: str, dylibs: list[str] = [], prefer_dynamic: bool = True, **kwargs):
    """Links a Rust dylib from a `rust_library`, without compiling it again.

    Give it to the `dylibs` of programs, tests, shared libraries and other dylibs. Crates below
    `crate` that are in none of `dylibs` become a part of this one.

    Args:
        name: The target's name.
        crate: The `rust_library`.
        dylibs: Other `rust_dylib` targets that this one may be linked with. Default: none.
        prefer_dynamic: Whether dylibs are preferred to rlibs, the standard library's included: True
            or False. A dylib that has the standard library inside cannot be combined with another.
            Default: True.
        **kwargs: `visibility`, `labels`, `linker_flags` and their like.
    """
    _dylib_of(
        name = name,
        # The rules need a source; nobody compiles it.
        srcs = ["@splitlink//rules/buck2/private:dylib.rs"],
        crate_root = "dylib.rs",
        edition = "2021",
        dylibs = dylibs,
        prefer_dynamic = prefer_dynamic,
        deps = [crate],
        **kwargs
    )
