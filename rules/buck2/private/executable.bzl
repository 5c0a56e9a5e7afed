"""What the rules for programs and tests share."""

load(":check.bzl", "check")
load(":prelude.bzl", "LinkStrategy", "attr_simple_crate_for_filenames", "compile_context", "create_resource_db", "cxx_attr_deps", "flatten_dict", "gather_resources", "rust_analyzer_provider", "rust_attr_resources")
load(":split.bzl", "check_target", "link_strategy_of", "split")

def _resources(ctx: AnalysisContext, output: Artifact) -> list[typing.Any]:
    resources = flatten_dict(
        gather_resources(
            label = ctx.label,
            resources = rust_attr_resources(ctx),
            deps = cxx_attr_deps(ctx),
        ).values(),
    )
    if not resources:
        return []
    files = [create_resource_db(ctx = ctx, name = output.short_path + ".resources.json", binary = output, resources = resources)]
    for resource in resources.values():
        files.append(resource.default_output)
        files += resource.other_outputs
    return files

def executable(ctx: AnalysisContext, default_roots: list[str], flags: list[typing.Any]) -> (list[Provider], cmd_args):
    """Builds a program.

    Args:
        ctx: The context of a rule with the attributes of the prelude's `rust_binary`.
        default_roots: The names that the crate's root file may have, where the target names none.
        flags: More flags for rustc.

    Returns:
        A tuple of the program's providers, without the one by which it is run, and the command that
        runs it.
    """
    check_target(ctx)
    compile_ctx = compile_context(ctx, binary = True)
    link_strategy = link_strategy_of(ctx, compile_ctx)
    flags = compile_ctx.toolchain_info.rustc_binary_flags + flags
    checked = check(ctx, compile_ctx, default_roots, flags, is_program = True)
    output = ctx.actions.declare_output(attr_simple_crate_for_filenames(ctx))
    made = split(
        ctx,
        compile_ctx,
        outputs = {"bin": output},
        directory = ctx.label.name + ".splitlink",
        default_roots = default_roots,
        link_strategy = link_strategy,
        relocation_model = "static" if link_strategy == LinkStrategy("static") else "pie",
        flags = flags,
    )
    runtime_files = made.runtime_files + _resources(ctx, output)
    providers = [
        DefaultInfo(
            default_output = output,
            other_outputs = runtime_files,
            sub_targets = checked.sub_targets | made.sub_targets["bin"],
        ),
        rust_analyzer_provider(ctx = ctx, compile_ctx = compile_ctx, default_roots = default_roots),
    ]
    return providers + checked.providers, cmd_args(output, hidden = runtime_files)
