"""The actions of a crate that is linked: one that compiles it, one that links it."""

load("//rules/buck2/private/actions:distributed_lto.bzl", "is_distributed")
load("//rules/buck2/private/actions:dwp.bzl", "declare_dwp")
load("//rules/buck2/private/actions:html_report.bzl", "declare_html_report")
load("//rules/buck2/private/actions:link_only.bzl", "declare_link_only")
load("//rules/buck2/private/actions:no_link.bzl", "declare_no_link")
load("//rules/buck2/private/actions:sbom.bzl", "declare_sbom")
load("//rules/buck2/private/actions:sizes.bzl", "declare_sizes")
load(":dependencies.bzl", "find_dependencies")
load(":dylibs.bzl", "find_dylibs")
load(":native_links.bzl", "native_links")
load(":prelude.bzl", "DEFAULT_STATIC_LINK_STRATEGY", "LinkStrategy", "process_link_strategy_for_pic_behavior")
load(":providers.bzl", "SplitlinkToolchainInfo")
load(":refused.bzl", "refuse_attributes")
load(":split_debug_info.bzl", "find_dwos", "splits_debug_info")

def check_target(ctx: AnalysisContext):
    """Fails if a target cannot be built as it says.

    That is if its Rust toolchain does not know of splitlink, or if it sets what would do nothing.

    Args:
        ctx: The rule's context.
    """
    if SplitlinkToolchainInfo not in ctx.attrs._rust_toolchain:
        fail(
            ("{}: the Rust toolchain {} is an ordinary one, by which libraries are not compiled in two actions. Make it the `base` of a " +
             "`splitlink_rust_toolchain` (rules/buck2/toolchain.bzl of splitlink), and let that have its name.").format(
                ctx.label,
                ctx.attrs._rust_toolchain.label,
            ),
        )
    refuse_attributes(ctx)

def link_strategy_of(ctx: AnalysisContext, compile_ctx) -> LinkStrategy:
    """Finds how a program's dependencies are compiled and linked.

    Args:
        ctx: The rule's context.
        compile_ctx: What the prelude's `compile_context` returned.

    Returns:
        The link strategy that `link_style` names, or the prelude's default.
    """
    asked = LinkStrategy(ctx.attrs.link_style) if ctx.attrs.link_style else DEFAULT_STATIC_LINK_STRATEGY
    return process_link_strategy_for_pic_behavior(asked, compile_ctx.cxx_toolchain_info.pic_behavior)

def _explain(ctx: AnalysisContext, report: Artifact, directory: str) -> list[Provider]:
    tool = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].tool
    explained = ctx.actions.declare_output(directory + "/explained.txt")
    ctx.actions.run(
        cmd_args("sh", "-c", 'output=$1; shift; "$@" > "$output"', "sh", explained.as_output(), tool, "explain", report),
        category = "splitlink_explain",
        identifier = directory,
    )
    return [
        DefaultInfo(default_output = explained),
        RunInfo(args = cmd_args(tool, "explain", report)),
    ]

def split(
        ctx: AnalysisContext,
        compile_ctx,
        outputs: dict[str, Artifact],
        directory: str,
        default_roots: list[str],
        link_strategy: LinkStrategy = LinkStrategy("static_pic"),
        relocation_model: str = "pic",
        flags: list[typing.Any] = [],
        dylib_of: Artifact | None = None) -> struct:
    """Declares the actions that build a linked crate.

    Args:
        ctx: The context of a rule with DYLIB_ATTRS.
        compile_ctx: What the prelude's `compile_context` returned.
        outputs: The artifacts to write, by crate type.
        directory: The folder for everything else.
        default_roots: The names that the crate's root file may have, where the target names none.
        link_strategy: How dependencies are compiled and linked. Default: statically, for code that
            may be loaded anywhere.
        relocation_model: rustc's `-Crelocation-model`. Default: `pic`.
        flags: More flags for rustc. Default: none.
        dylib_of: The metadata (Artifact) of the library whose dylib is linked, in place of a crate
            of its own. Default: none.

    Returns:
        A struct of `manifest` (Artifact: the list of the crates in the dylib; None if no artifact
        is one), `dylibs` (what `find_dylibs` returned), `runtime_files` (a list of what the
        artifacts need when they run) and `sub_targets` (a dict from crate type to the sub-targets
        of its artifact).
    """
    crate_types = outputs.keys()
    dependencies = find_dependencies(ctx, compile_ctx, link_strategy)
    native = native_links(ctx, compile_ctx, link_strategy, directory, outputs.get("bin"))
    dylibs = find_dylibs(ctx, directory)
    lto = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].lto
    is_debug_info_split = splits_debug_info(ctx, compile_ctx)
    dwos = find_dwos(ctx, compile_ctx, link_strategy) if is_debug_info_split else []
    is_lto_distributed = is_distributed(ctx, is_debug_info_split)

    # With LTO that of the crate itself is split when it is linked; of a library's dylib nothing is
    # compiled.
    dwo_dir = None
    if is_debug_info_split and lto == "off" and not dylib_of:
        dwo_dir = ctx.actions.declare_output(directory + "/dwo", dir = True)
        dwos.append(dwo_dir)
    compiled = declare_no_link(
        ctx,
        compile_ctx,
        dependencies,
        native,
        crate_types = crate_types,
        output = outputs[crate_types[0]],
        directory = directory,
        relocation_model = relocation_model,
        default_roots = default_roots,
        flags = flags,
        dylib_of = dylib_of,
        dwo_dir = dwo_dir,
    )

    # With LTO, artifacts whose formats agree share a run. Without it they have nothing to share, so
    # none waits for the others.
    groups = [outputs] if lto != "off" else [{crate_type: output} for crate_type, output in outputs.items()]
    manifest = None
    sub_targets = {}
    for group in groups:
        within = directory if len(groups) == 1 else directory + "/" + group.keys()[0]
        dwo_of_lto = ctx.actions.declare_output(within + "/dwo_of_lto", dir = True) if is_debug_info_split and lto != "off" else None
        link = declare_link_only(ctx, compile_ctx, compiled, dependencies, native, dylibs, group, within, dwo_of_lto, is_lto_distributed)
        manifest = manifest or link.manifest
        about = {
            "explain": _explain(ctx, link.report, within),
            "modules": [DefaultInfo(default_output = compiled.modules)],
            "plan": [DefaultInfo(default_output = compiled.plan)],
            "report": [DefaultInfo(default_output = link.report)],
        }

        # What is in an archive is linked into others yet.
        sizes = {
            crate_type: declare_sizes(ctx, compiled, dependencies, native, output, link.report, crate_type, within)
            for crate_type, output in group.items()
            if crate_type != "staticlib"
        }
        about["html"] = declare_html_report(ctx, link.report, sizes.values(), dependencies, within)
        for crate_type in group:
            of_artifact = {"sizes": [DefaultInfo(default_output = sizes[crate_type])]} if crate_type in sizes else {}
            if is_debug_info_split and crate_type != "staticlib":
                dwp = declare_dwp(ctx, group[crate_type], dwos + ([dwo_of_lto] if dwo_of_lto else []), within, crate_type)
                of_artifact["dwp"] = [DefaultInfo(default_output = dwp)]
            sub_targets[crate_type] = about | of_artifact | {"sbom": declare_sbom(ctx, link.report, dependencies, within, crate_type)}
    runtime_files = list(native.runtime_files)
    if dylibs:
        runtime_files += dylibs.directories + [made.dylib for made in dylibs.dylibs.values()]
    return struct(manifest = manifest, dylibs = dylibs, runtime_files = runtime_files, sub_targets = sub_targets)
