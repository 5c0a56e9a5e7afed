"""`rust_multi_crate_type`: several artifacts of one crate."""

load("//rules/buck2/private:check.bzl", "check")
load("//rules/buck2/private:dylibs.bzl", "DYLIB_ATTRS")
load("//rules/buck2/private:library.bzl", "library_file_name", "library_flags", "library_providers")
load("//rules/buck2/private:lto.bzl", "with_lto")
load("//rules/buck2/private:prelude.bzl", "attr_simple_crate_for_filenames", "compile_context", "rust_rules")
load("//rules/buck2/private:split.bzl", "check_target", "split")

_CRATE_TYPES = ["bin", "cdylib", "dylib", "staticlib"]

def _rust_multi_crate_type_impl(ctx: AnalysisContext) -> list[Provider]:
    check_target(ctx)
    if not ctx.attrs.crate_types:
        fail("{}: crate_types is empty; it takes {}".format(ctx.label, ", ".join(_CRATE_TYPES)))
    compile_ctx = compile_context(ctx)
    directory = ctx.label.name + ".splitlink"
    libraries = [crate_type for crate_type in ctx.attrs.crate_types if crate_type != "bin"]
    checked = check(ctx, compile_ctx, ["lib.rs", "main.rs"], [], is_program = False)
    sub_targets = dict(checked.sub_targets)
    outputs = []
    if libraries:
        files = {
            crate_type: ctx.actions.declare_output("{}/{}".format(crate_type, library_file_name(ctx, compile_ctx, crate_type)))
            for crate_type in libraries
        }
        made = split(
            ctx,
            compile_ctx,
            outputs = files,
            directory = directory,
            default_roots = ["lib.rs"],
            flags = library_flags(compile_ctx),
        )
        for crate_type, output in files.items():
            outputs.append(output)
            sub_targets[crate_type] = library_providers(ctx, compile_ctx, crate_type, output, made.dylibs) + [DefaultInfo(
                default_output = output,
                other_outputs = made.runtime_files,
                sub_targets = made.sub_targets[crate_type],
            )]
    if "bin" in ctx.attrs.crate_types:
        # rustc compiles no program together with libraries, so this is a compilation of its own.
        output = ctx.actions.declare_output("bin/" + attr_simple_crate_for_filenames(ctx))
        made = split(
            ctx,
            compile_ctx,
            outputs = {"bin": output},
            directory = directory + "/program",
            default_roots = ["lib.rs", "main.rs"],
            relocation_model = "pie",
            flags = compile_ctx.toolchain_info.rustc_binary_flags,
        )
        outputs.append(output)
        sub_targets["bin"] = [
            DefaultInfo(default_output = output, other_outputs = made.runtime_files, sub_targets = made.sub_targets["bin"]),
            RunInfo(args = cmd_args(output, hidden = made.runtime_files)),
        ]
    return [DefaultInfo(default_outputs = outputs, sub_targets = sub_targets)] + checked.providers

_rust_multi_crate_type = rule(
    doc = "Links a crate as several crate types; `rust_multi_crate_type` declares it.",
    impl = _rust_multi_crate_type_impl,
    attrs = rust_rules.rust_library.attrs | DYLIB_ATTRS | {
        "crate_types": attrs.list(
            attrs.enum(_CRATE_TYPES),
            doc = "What to link the crate as: `bin` (of a crate that has a main), `cdylib`, " +
                  "`dylib`, `staticlib`. At least one.",
        ),
    },
    uses_plugins = rust_rules.rust_library.uses_plugins,
    supports_incoming_transition = True,
)

def rust_multi_crate_type(lto: str | None = None, **kwargs):
    """Compiles a crate once and links it as several crate types, each with formats of its own.

    A program takes a compilation of its own: rustc refuses to compile one together with other
    crate types.

    The artifact of a type is a sub-target: `:engine[cdylib]` and `:engine[staticlib]`, which C and
    C++ targets may have among their `deps`, `:engine[dylib]`, and `:engine[bin]`, which `buck2 run`
    runs.

    Args:
        lto: As of `rust_binary`.
        **kwargs: `crate_types`, a list of `bin` (of a crate that has a main), `cdylib`, `dylib` and
            `staticlib`, at least one; the attributes of the prelude's `rust_library`; and `dylibs`
            and `prefer_dynamic`.
    """
    _rust_multi_crate_type(**with_lto(kwargs, lto))
