"""`rust_binary` through the split."""

load("//rules/buck2/private:dylibs.bzl", "DYLIB_ATTRS")
load("//rules/buck2/private:executable.bzl", "executable")
load("//rules/buck2/private:lto.bzl", "with_lto")
load("//rules/buck2/private:prelude.bzl", "rust_rules")

def _rust_binary_impl(ctx: AnalysisContext) -> list[Provider]:
    providers, command = executable(ctx, ["main.rs"], [])
    return providers + [RunInfo(args = command)]

_rust_binary = rule(
    doc = "Builds a Rust program in two actions; `rust_binary` declares it.",
    impl = _rust_binary_impl,
    attrs = rust_rules.rust_binary.attrs | DYLIB_ATTRS,
    uses_plugins = rust_rules.rust_binary.uses_plugins,
    supports_incoming_transition = True,
)

def rust_binary(lto: str | None = None, **kwargs):
    """Builds a Rust program in two actions, one that compiles and one that links.

    Sub-targets: `plan` and `modules` (what the first action makes), `report` (how each crate is
    linked), `explain` (the report for people), `sbom` (what is linked, as CycloneDX) and `sizes` (what
    is in the program).

    Args:
        lto: Link-time optimisation of the target and all that is linked into it, the standard
            library included: "off", "thin" or "fat". Default: what `splitlink.lto` in the
            configuration says (`-c splitlink.lto=thin`), and "off" if it says nothing.
        **kwargs: The attributes of the prelude's `rust_binary`, and `dylibs` and `prefer_dynamic`.
    """
    _rust_binary(**with_lto(kwargs, lto))
