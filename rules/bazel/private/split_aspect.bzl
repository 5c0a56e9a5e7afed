"""The aspect that re-expresses rules_rust's action for each crate as the actions of the split."""

load("@rules_rust//rust:defs.bzl", "rust_common")
load(":compile_action.bzl", "original_of")
load(":crate_set.bzl", "crate_set")
load(":host_opt_level.bzl", "HostOptLevelInfo", "opt_level_of")
load(":library_actions.bzl", "declare_library")
load(":link_inputs.bzl", "part_inputs")
load(":link_only.bzl", "declare_link_only", "new_link")
load(":lto_setting.bzl", "LtoInfo", "is_lto_configuration")
load(":names.bzl", "CRATE_TYPES_TAG_PREFIX", "DYLIB_TAG", "public_label", "public_name")
load(":no_link.bzl", "declare_no_link")
load(":providers.bzl", "SplitInfo")
load(":rustc_action.bzl", "crate_info_of", "find_rustc_action")
load(":toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains", "unsupported")
load(":worker_setting.bzl", "WorkerInfo")

_LIBRARY_TYPES = ("lib", "rlib")

_DEPENDENCY_ATTRIBUTES = ["deps", "proc_macro_deps"]

# Of rules that stand for another target: what they stand for.
_FORWARDING_ATTRIBUTES = ["actual", "target"]

def _targets(ctx, name):
    """Lists what an attribute of any rule names.

    Args:
        ctx: The aspect's context.
        name: The attribute's name.

    Returns:
        A list of targets, empty if the rule has no such attribute or it is of another kind.
    """
    value = getattr(ctx.rule.attr, name, None)
    return [dep for dep in (value if type(value) == "list" else [value]) if type(dep) == "Target"]

def _collect_dependencies(ctx):
    """Joins what the split knows of a target's dependencies.

    Args:
        ctx: The aspect's context.

    Returns:
        The crate set that the target's own compilation sees.
    """
    sets = [
        dep[SplitInfo].crates
        for name in _DEPENDENCY_ATTRIBUTES
        for dep in _targets(ctx, name)
        if SplitInfo in dep
    ]

    # A test of a crate is compiled from that crate's sources, against that crate's dependencies.
    sets += [dep[SplitInfo].deps for dep in _targets(ctx, "crate") if SplitInfo in dep]
    return crate_set.union([s for s in sets if s != crate_set.empty])

def _foreign_library(target, known):
    """Finds a library among a target's dependencies that the split does not build.

    Such a library was compiled by rules_rust against other libraries of rules_rust, whose metadata may differ from the split's.

    Args:
        target: The target.
        known: A dict whose keys are the files that the split replaces.

    Returns:
        One such library (File), or None.
    """
    for file in target[rust_common.dep_info].transitive_crate_outputs.to_list():
        if file.extension == "rlib" and file not in known:
            return file
    return None

def _unsplit(target, ctx, deps, reason, originals = []):
    """Leaves a target to rules_rust.

    Args:
        target: The target.
        ctx: The aspect's context.
        deps: The crate set of its dependencies.
        reason: Why, as the end of a sentence.
        originals: What rules_rust's actions write.

    Returns:
        A SplitInfo.
    """
    passes_on = rust_common.crate_info in target or rust_common.crate_group_info in target
    return SplitInfo(
        artifact = None,
        crates = deps if passes_on else crate_set.empty,
        deps = deps,
        library = None,
        link = None,
        originals = originals,
        runfiles = _data_runfiles(ctx),
        unsplit = reason,
    )

def _data_runfiles(ctx):
    return [dep[DefaultInfo].default_runfiles for dep in _targets(ctx, "data")]

def _original(ctx, found):
    return original_of(found.action, ctx.attr._worker[WorkerInfo].enabled)

def _split_library(ctx, tools, crate, found, deps, known, directory, display_name):
    lto = is_lto_configuration(ctx, ctx.attr._lto[LtoInfo].mode)
    opt_level = opt_level_of(ctx, ctx.attr._host_opt_level[HostOptLevelInfo])
    rmeta, rlib = declare_library(ctx, tools.tool, crate, _original(ctx, found), deps, known, directory, display_name, opt_level, lto)
    return SplitInfo(
        artifact = None,
        crates = crate_set.of_library(
            [f for f in (crate.output, crate.metadata) if f],
            rmeta,
            rlib,
            deps,
        ),
        deps = deps,
        library = struct(rlib = rlib, rmeta = rmeta),
        link = None,
        originals = found.outputs,
        runfiles = [],
        unsplit = "",
    )

def _split_linked(target, ctx, tools, crate, found, deps, known, directory, display_name):
    inputs = part_inputs(target, ctx, crate, found.action, known, tools)
    library = None
    if DYLIB_TAG in ctx.rule.attr.tags:
        library = _targets(ctx, "deps")[0][SplitInfo].library
        if not library:
            fail("{} is no Rust library that the split builds, so it has no dylib".format(public_label(_targets(ctx, "deps")[0].label)))
    crate_types = [
        tag.removeprefix(CRATE_TYPES_TAG_PREFIX)
        for tag in ctx.rule.attr.tags
        if tag.startswith(CRATE_TYPES_TAG_PREFIX)
    ]
    mode = ctx.attr._lto[LtoInfo].mode
    lto = is_lto_configuration(ctx, mode)
    plan, modules = declare_no_link(
        ctx,
        tools.tool,
        crate,
        _original(ctx, found),
        inputs.compile,
        deps,
        directory,
        display_name,
        opt_level = opt_level_of(ctx, ctx.attr._host_opt_level[HostOptLevelInfo]),
        lto = lto,
        crate_types = crate_types[0] if crate_types else "",
        dylib_of = library.rmeta if library else None,
    )
    link = new_link(
        plan = plan,
        modules = modules,
        inputs = inputs.link,
        rlibs = deps.rlibs,
        sysroot = tools.rust.sysroot,
        env = found.action.env,
        lto = mode if lto else "off",
        description = "{} {}".format("dylib" if library else crate.type, display_name),
    )

    # All else is linked by the rule that publishes it, right where it will run: $ORIGIN and .runfiles depend on the place.
    artifact = None
    if crate.type == "proc-macro":
        artifact = ctx.actions.declare_file("{}/{}".format(directory, crate.output.basename))
        declare_link_only(ctx, tools, link, {"": artifact})
    return SplitInfo(
        artifact = artifact,
        crates = crate_set.of_proc_macro([crate.output], artifact) if crate.type == "proc-macro" else crate_set.empty,
        deps = deps,
        library = library,
        link = link,
        originals = found.outputs,
        runfiles = _data_runfiles(ctx),
        unsplit = "",
    )

def _split_aspect_impl(target, ctx):
    if SplitInfo in target:
        return []  # Published by one of our own rules.
    forwarded = [
        dep[SplitInfo].crates
        for name in _FORWARDING_ATTRIBUTES
        for dep in _targets(ctx, name)
        if SplitInfo in dep
    ]
    deps = crate_set.union(forwarded + [_collect_dependencies(ctx)])
    crate = crate_info_of(target)
    if not crate:
        return [_unsplit(target, ctx, deps, "it is not a Rust crate")]

    found = find_rustc_action(target, crate)
    if not found.action and not found.unsplit:
        return [_unsplit(target, ctx, deps, "it has no action that runs rustc")]

    tools = find_toolchains(ctx)
    reason = unsupported(tools) or found.unsplit
    if reason:
        return [_unsplit(target, ctx, deps, reason, found.outputs)]
    known = {f: True for f in deps.originals.to_list()}
    foreign = _foreign_library(target, known)
    if foreign:
        reason = "it depends on {} ({}), which the split cannot build".format(foreign.basename, public_label(foreign.owner))
        return [_unsplit(target, ctx, deps, reason, found.outputs)]

    directory = public_name(ctx.label.name) + ".splitlink"
    display_name = public_name(ctx.label.name)
    version = getattr(ctx.rule.attr, "version", "0.0.0")
    if version != "0.0.0":
        display_name += " v" + version
    if crate.type in _LIBRARY_TYPES:
        return [_split_library(ctx, tools, crate, found, deps, known, directory, display_name)]
    return [_split_linked(target, ctx, tools, crate, found, deps, known, directory, display_name)]

split_aspect = aspect(
    implementation = _split_aspect_impl,
    doc = "Declares, for every crate that a target is made of, the actions that build it through the split. " +
          "Build scripts are not reached: they stay rules_rust's.",
    attr_aspects = _DEPENDENCY_ATTRIBUTES + _FORWARDING_ATTRIBUTES + ["crate"],
    attrs = {
        "_host_opt_level": attr.label(
            default = Label("//rules/bazel:host_opt_level"),
            providers = [HostOptLevelInfo],
        ),
        "_lto": attr.label(
            default = Label("//rules/bazel:lto"),
            providers = [LtoInfo],
        ),
        "_worker": attr.label(
            default = Label("//rules/bazel:worker"),
            providers = [WorkerInfo],
        ),
    },
    fragments = ["cpp"],
    toolchains = SPLIT_TOOLCHAINS,
)
