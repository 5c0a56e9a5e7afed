"""`rust_binary` through the split."""

load(":attributes.bzl", "LINKED_ATTRS")
load(":executable.bzl", "executable")
load(":lto.bzl", "with_lto")
load(":prelude.bzl", "rust_rules")

def _rust_binary_impl(ctx: AnalysisContext) -> list[Provider]:
    providers, command = executable(ctx, ["main.rs"], [])
    return providers + [RunInfo(args = command)]

_rust_binary = rule(
    doc = "Builds a Rust program in two actions; `rust_binary` declares it.",
    impl = _rust_binary_impl,
    attrs = rust_rules.rust_binary.attrs | LINKED_ATTRS,
    uses_plugins = rust_rules.rust_binary.uses_plugins,
    supports_incoming_transition = True,
)

def rust_binary(lto: str | None = None, **kwargs):
    """Builds a Rust program in two actions, one that compiles and one that links.

    Sub-targets: `plan` and `modules` (what the first action makes), `report` (how each crate is linked) and `explain` (the report for people).

    Args:
        lto: Link-time optimisation of the program and all that it links, the standard library included: "thin", "fat" or "off".
            Default: what `splitlink.lto` in the configuration says (`-c splitlink.lto=thin`); without it, off.
        **kwargs: The attributes of the prelude's `rust_binary`, and `dylibs` and `prefer_dynamic`.
    """
    _rust_binary(**with_lto(kwargs, lto))
