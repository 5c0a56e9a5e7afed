"""Toolchains with fields of their own over others."""

load("@prelude//cxx:cxx_toolchain_types.bzl", "CxxPlatformInfo", "CxxToolchainInfo")
load("@prelude//cxx:debug.bzl", "SplitDebugMode")
load("@prelude//rust:rust_toolchain.bzl", "PanicRuntime", "RustSanitizer", "RustToolchainInfo", "rust_toolchain_attrs")

def _toolchain_with_impl(ctx: AnalysisContext) -> list[Provider]:
    base = ctx.attrs.base[RustToolchainInfo]
    fields = {name: getattr(base, name) for name in rust_toolchain_attrs} | {
        "nightly_features": True,
        "panic_runtime": PanicRuntime(ctx.attrs.panic_runtime),
        "sanitizer": RustSanitizer(ctx.attrs.sanitizer) if ctx.attrs.sanitizer else None,
    }
    return [DefaultInfo(), RustToolchainInfo(**fields)]

toolchain_with = rule(
    doc = "The base with these fields.",
    impl = _toolchain_with_impl,
    attrs = {
        "base": attrs.toolchain_dep(providers = [RustToolchainInfo], doc = "The toolchain."),
        "panic_runtime": attrs.string(default = "unwind", doc = "As of the prelude's RustToolchainInfo."),
        "sanitizer": attrs.option(attrs.string(), default = None, doc = "As of the prelude's RustToolchainInfo."),
    },
    is_toolchain_rule = True,
)

def _cxx_toolchain_with_impl(ctx: AnalysisContext) -> list[Provider]:
    base = ctx.attrs.base[CxxToolchainInfo]
    fields = {name: getattr(base, name) for name in dir(base) if name != "to_json"}
    fields["split_debug_mode"] = SplitDebugMode(ctx.attrs.split_debug_mode)
    return [DefaultInfo(), CxxToolchainInfo(**fields), ctx.attrs.base[CxxPlatformInfo]]

cxx_toolchain_with = rule(
    doc = "The base with these fields.",
    impl = _cxx_toolchain_with_impl,
    attrs = {
        "base": attrs.toolchain_dep(providers = [CxxToolchainInfo, CxxPlatformInfo], doc = "The toolchain."),
        "split_debug_mode": attrs.string(doc = "As of the prelude's CxxToolchainInfo."),
    },
    is_toolchain_rule = True,
)
