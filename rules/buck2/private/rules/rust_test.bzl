"""`rust_test` through the split."""

load("//rules/buck2/private:dylibs.bzl", "DYLIB_ATTRS")
load("//rules/buck2/private:executable.bzl", "executable")
load("//rules/buck2/private:lto.bzl", "with_lto")
load("//rules/buck2/private:prelude.bzl", "RustToolchainInfo", "get_re_executors_from_props", "inject_test_run_info", "rust_rules")

def _rust_test_impl(ctx: AnalysisContext) -> list[Provider]:
    flags = list(ctx.attrs._rust_toolchain[RustToolchainInfo].rustc_test_flags or [])
    if ctx.attrs.framework:
        flags.append("--test")
    providers, command = executable(ctx, ctx.attrs.default_roots or ["main.rs", "lib.rs"], flags)
    executors = get_re_executors_from_props(ctx)
    info = ExternalRunnerTestInfo(
        type = "rust",
        command = [command],
        env = ctx.attrs.env | ctx.attrs.run_env,
        labels = ctx.attrs.labels,
        contacts = ctx.attrs.contacts,
        default_executor = executors.default_executor,
        executor_overrides = executors.executor_overrides,
        run_from_project_root = True,
        use_project_relative_paths = True,
    )
    return inject_test_run_info(ctx, info) + providers

_rust_test = rule(
    doc = "Builds a Rust test in two actions; `rust_test` declares it.",
    impl = _rust_test_impl,
    attrs = rust_rules.rust_test.attrs | DYLIB_ATTRS,
    uses_plugins = rust_rules.rust_test.uses_plugins,
    supports_incoming_transition = True,
)

def rust_test(lto: str | None = None, **kwargs):
    """Builds a Rust test in two actions, one that compiles and one that links.

    Args:
        lto: As of `rust_binary`.
        **kwargs: The attributes of the prelude's `rust_test`, and `dylibs` and `prefer_dynamic`.
    """
    _rust_test(**with_lto(kwargs, lto))
