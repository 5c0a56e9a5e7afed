"""`rust_shared_library` and `rust_static_library`."""

load(":attributes.bzl", "LINKED_ATTRS")
load(":check.bzl", "check")
load(":library.bzl", "library_file_name", "library_flags", "library_providers")
load(":lto.bzl", "with_lto")
load(":prelude.bzl", "compile_context", "rust_rules")
load(":split.bzl", "check_toolchain", "split")

def _native_library(ctx: AnalysisContext, crate_type: str) -> list[Provider]:
    check_toolchain(ctx)
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

def _rust_shared_library_impl(ctx: AnalysisContext) -> list[Provider]:
    return _native_library(ctx, "cdylib")

def _rust_static_library_impl(ctx: AnalysisContext) -> list[Provider]:
    return _native_library(ctx, "staticlib")

_rust_shared_library = rule(
    doc = "Builds a cdylib in two actions; `rust_shared_library` declares it.",
    impl = _rust_shared_library_impl,
    attrs = rust_rules.rust_library.attrs | LINKED_ATTRS,
    uses_plugins = rust_rules.rust_library.uses_plugins,
    supports_incoming_transition = True,
)

def rust_shared_library(lto: str | None = None, **kwargs):
    """Builds a cdylib, a shared library for C and C++, in two actions, one that compiles and one that links.

    Args:
        lto: As of `rust_binary`.
        **kwargs: The attributes of the prelude's `rust_library`, and `dylibs` and `prefer_dynamic`.
    """
    _rust_shared_library(**with_lto(kwargs, lto))

_rust_static_library = rule(
    doc = "Builds a staticlib in two actions; `rust_static_library` declares it.",
    impl = _rust_static_library_impl,
    attrs = rust_rules.rust_library.attrs | LINKED_ATTRS,
    uses_plugins = rust_rules.rust_library.uses_plugins,
    supports_incoming_transition = True,
)

def rust_static_library(lto: str | None = None, **kwargs):
    """Builds a staticlib, an archive for C and C++ with all Rust that it needs inside, in two actions, one that compiles and one that links.

    Args:
        lto: As of `rust_binary`.
        **kwargs: The attributes of the prelude's `rust_library`.
    """
    _rust_static_library(**with_lto(kwargs, lto))
