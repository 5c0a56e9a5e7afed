"""`rust_shared_library` through the split."""

load("//rules/buck2/private:dylibs.bzl", "DYLIB_ATTRS")
load("//rules/buck2/private:library.bzl", "library")
load("//rules/buck2/private:lto.bzl", "with_lto")
load("//rules/buck2/private:prelude.bzl", "rust_rules")

def _rust_shared_library_impl(ctx: AnalysisContext) -> list[Provider]:
    return library(ctx, "cdylib")

_rust_shared_library = rule(
    doc = "Builds a cdylib in two actions; `rust_shared_library` declares it.",
    impl = _rust_shared_library_impl,
    attrs = rust_rules.rust_library.attrs | DYLIB_ATTRS,
    uses_plugins = rust_rules.rust_library.uses_plugins,
    supports_incoming_transition = True,
)

def rust_shared_library(lto: str | None = None, **kwargs):
    """Builds a cdylib, a shared library for C and C++, in two actions.

    One action compiles the crate, the other links it.

    Args:
        lto: As of `rust_binary`.
        **kwargs: The attributes of the prelude's `rust_library`, and `dylibs` and `prefer_dynamic`.
    """
    _rust_shared_library(**with_lto(kwargs, lto))
