"""The aspect that re-expresses rules_rust's action for each crate as the actions of the split."""

load("@rules_rust//rust:defs.bzl", "rust_common")
load("//rules/bazel/private/actions:compile_action.bzl", "new_crate")
load("//rules/bazel/private/actions:edges.bzl", "find_edges")
load("//rules/bazel/private/actions:library_actions.bzl", "declare_library")
load("//rules/bazel/private/actions:link_inputs.bzl", "library_inputs", "part_inputs")
load("//rules/bazel/private/actions:link_only.bzl", "declare_link_only", "new_link")
load("//rules/bazel/private/actions:no_link.bzl", "declare_no_link")
load("//rules/bazel/private/rules:notice.bzl", "NoticeInfo")
load(":build_script.bzl", "RUN_MNEMONIC", "split_build_script")
load(":crate_set.bzl", "crate_set")
load(":foreign_libraries.bzl", "foreign_libraries", "why_not_split")
load(":names.bzl", "CRATE_TYPES_TAG_PREFIX", "CRATE_UNIVERSE_TAG", "DYLIB_TAG", "PACKAGE_TAG_PREFIX", "public_crate_name", "public_label", "public_name")
load(":providers.bzl", "SplitInfo")
load(":rustc_action.bzl", "crate_info_of", "find_rustc_action")
load(":settings.bzl", "BuiltByRulesRustInfo", "FallbackInfo", "FirstPartyInfo", "HostOptLevelInfo", "LinkerInfo", "LtoCacheInfo", "LtoInfo", "SplitDebugInfoInfo", "SwitchInfo", "is_built_by_rules_rust", "is_debug_info_split", "is_exec", "is_first_party", "lto_mode_of", "opt_level_of", "say_fallback")
load(":toolchain_parts.bzl", "ToolchainPartsInfo", "toolchain_parts")
load(":toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains", "unsupported")

_LIBRARY_TYPES = ("lib", "rlib")

_DEPENDENCY_ATTRIBUTES = ["deps", "proc_macro_deps"]

# The attributes by which a rule that stands for another target names it.
_FORWARDING_ATTRIBUTES = ["actual", "target"]

# The attributes by which a rule that runs a build script names its program, and the crates whose
# build scripts it hears of.
_SCRIPT_ATTRIBUTES = ["script", "link_deps"]

def _targets(ctx, name):
    """Lists what an attribute of any rule names.

    Args:
        ctx: The aspect's context.
        name: The attribute's name.

    Returns:
        A list of targets; empty if the rule has no such attribute, or one that names no targets.
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

def _unsplit(target, ctx, deps, reason, help = "", originals = [], as_asked = False, native_dwos = depset()):
    """Leaves a target to rules_rust.

    Args:
        target: The target.
        ctx: The aspect's context.
        deps: The crate set of its dependencies.
        reason: Why, as the end of a sentence.
        help: What to do. Default: empty, where nobody asks for the split.
        originals: What rules_rust's actions write.
        as_asked: Whether that is the user's choice. Default: no.
        native_dwos: The split debug information that is linked with it where it is no crate (depset
            of File). Default: none.

    Returns:
        A SplitInfo.
    """
    inherited = [
        dep
        for name in _DEPENDENCY_ATTRIBUTES + _FORWARDING_ATTRIBUTES + ["crate"]
        for dep in _targets(ctx, name)
        if SplitInfo in dep and dep[SplitInfo].told
    ]
    passes_on = rust_common.crate_info in target or rust_common.crate_group_info in target
    return SplitInfo(
        artifact = None,
        as_asked = as_asked,
        crates = deps if passes_on else crate_set.of_native(native_dwos) if native_dwos else crate_set.empty,
        deps = deps,
        help = help,
        library = None,
        link = None,
        originals = originals,
        program = None,
        runfiles = _data_runfiles(ctx),
        told = bool(inherited),
        unsplit = reason,
    )

def _data_runfiles(ctx):
    return [dep[DefaultInfo].default_runfiles for dep in _targets(ctx, "data")]

def _version(ctx):
    version = getattr(ctx.rule.attr, "version", "")
    return "" if version == "0.0.0" else version  # rules_rust's default.

def _purl(ctx):
    """Finds the URL of the package that a crate is of.

    crate_universe tags what it writes with the package's name. Of all else nobody says where it is
    from.

    Args:
        ctx: The aspect's context.

    Returns:
        A package URL, or the empty string.
    """
    version = _version(ctx)
    tags = ctx.rule.attr.tags
    names = [tag.removeprefix(PACKAGE_TAG_PREFIX) for tag in tags if tag.startswith(PACKAGE_TAG_PREFIX)]
    if not version or not names or CRATE_UNIVERSE_TAG not in tags:
        return ""
    return "pkg:cargo/{}@{}".format(names[0], version.replace("+", "%2B"))

def _split_library(target, ctx, tools, crate, found, files, known):
    """Builds a library through the split.

    Args:
        target: The target.
        ctx: The aspect's context.
        tools: What `find_toolchains` returned.
        crate: What `new_crate` returned.
        found: What `find_rustc_action` returned.
        files: The inputs (list of File) of the action that was found.
        known: What `crate_set.known` returned: the files that the split replaces with its own.

    Returns:
        A SplitInfo.
    """
    inputs = library_inputs(target, ctx, crate.info, files, known, crate.exchanged, toolchain_parts(ctx, tools))
    rmeta, rlib, dwo = declare_library(ctx, tools.tool, crate, inputs)
    return SplitInfo(
        artifact = None,
        as_asked = False,
        crates = crate_set.of_library(
            [f for f in (crate.info.output, crate.info.metadata) if f],
            rmeta,
            rlib,
            dwo,
            crate.deps,
            _version(ctx),
            _purl(ctx),
        ),
        deps = crate.deps,
        help = "",
        library = struct(rlib = rlib, rmeta = rmeta),
        link = None,
        originals = found.outputs,
        program = None,
        runfiles = [],
        told = False,
        unsplit = "",
    )

def _library_of_dylib(ctx):
    """Finds the library whose dylib a target stands for.

    Args:
        ctx: The aspect's context.

    Returns:
        The library as in SplitInfo; None if the target stands for no dylib.
    """
    if DYLIB_TAG not in ctx.rule.attr.tags:
        return None
    dep = _targets(ctx, "deps")[0]
    library = dep[SplitInfo].library
    if not library:
        fail("{} is no Rust library that the split builds, so it has no dylib".format(public_label(dep.label)))
    return library

def _crate_types_of(ctx):
    """Finds the crate types that a target is compiled for.

    Args:
        ctx: The aspect's context.

    Returns:
        The crate types, joined by commas; empty for those that rules_rust compiles it for.
    """
    for tag in ctx.rule.attr.tags:
        if tag.startswith(CRATE_TYPES_TAG_PREFIX):
            return tag.removeprefix(CRATE_TYPES_TAG_PREFIX)
    return ""

def _split_linked(target, ctx, tools, crate, found, files, known):
    """Builds a crate that is linked through the split.

    Args:
        target: The target.
        ctx: The aspect's context.
        tools: What `find_toolchains` returned.
        crate: What `new_crate` returned.
        found: What `find_rustc_action` returned.
        files: The inputs (list of File) of the action that was found.
        known: What `crate_set.known` returned: the files that the split replaces with its own.

    Returns:
        A SplitInfo.
    """
    inputs = part_inputs(target, ctx, crate.info, found.action, files, known, tools, toolchain_parts(ctx, tools), crate.lto)
    library = _library_of_dylib(ctx)
    plan, modules, dwo = declare_no_link(
        ctx,
        tools.tool,
        crate,
        inputs.compile,
        run_path_dirs = inputs.run_path_dirs,
        crate_types = _crate_types_of(ctx),
        dylib_of = library.rmeta if library else None,
    )
    link = new_link(
        plan = plan,
        modules = modules,
        dwo = dwo,
        inputs = inputs.link,
        lld = inputs.lld,
        crates = crate.deps,
        edges = find_edges(target),
        rust = tools.rust,
        env = found.action.env,
        lto = crate.lto,
        path_mapping = inputs.path_mapping,
        split_debug_info = crate.split_debug_info or crate.split_debug_info_of_lto,
        version = _version(ctx),
        purl = _purl(ctx),
        description = "{} {}".format("dylib" if library else crate.info.type, crate.display_name),
    )

    # The publishing rule links all else, right where it will run: $ORIGIN and .runfiles depend on
    # the place.
    artifact = None
    program = None
    crates = crate_set.empty
    if crate.info.type == "bin" and is_exec(ctx):
        # A build script, perhaps. Nobody publishes it, and it is of this configuration.
        file = ctx.actions.declare_file("{}/{}".format(crate.directory, crate.info.output.basename))
        declare_link_only(ctx, tools, link, {"": file})
        program = struct(file = file, originals = [crate.info.output])
    if crate.info.type == "proc-macro":
        artifact = ctx.actions.declare_file("{}/{}".format(crate.directory, crate.info.output.basename))
        declare_link_only(ctx, tools, link, {"": artifact})
        crates = crate_set.of_proc_macro([crate.info.output], artifact, crate.deps)
    return SplitInfo(
        artifact = artifact,
        as_asked = False,
        crates = crates,
        deps = crate.deps,
        help = "",
        library = library,
        link = link,
        originals = found.outputs,
        program = program,
        runfiles = _data_runfiles(ctx),
        told = False,
        unsplit = "",
    )

def _of_script(target, ctx, deps, script):
    """Finds what becomes of a target that stands over a build script's program.

    Args:
        target: The target.
        ctx: The aspect's context.
        deps: The crate set of its dependencies.
        script: The target of the program.

    Returns:
        A SplitInfo.
    """
    of_script = script[SplitInfo]
    program = of_script.program
    link_deps = [dep[SplitInfo].crates for dep in _targets(ctx, "link_deps") if SplitInfo in dep]
    deps = crate_set.union([deps] + link_deps)
    crates = crate_set.empty
    if [action for action in target.actions if action.mnemonic == RUN_MNEMONIC]:
        tools = find_toolchains(ctx)
        if unsupported(tools):
            # So are the crates that depend on it, of which it is said.
            pass
        elif program:
            crates = split_build_script(target, ctx, tools, program, script, deps)
        elif not of_script.link and not of_script.told and not [n for n in ctx.attr._notices if n[NoticeInfo].said]:
            # One that a rule of ours links needs nothing else.
            what = "rules_rust builds the build script {}, because {}".format(public_label(ctx.label), of_script.unsplit)
            say_fallback(ctx.attr._fallback[FallbackInfo], what, of_script.help)
        program = None
    elif program:
        # In 0.54.1 a target between the two adds the runfiles, and links to the program.
        program = struct(
            file = program.file,
            originals = program.originals + [target[DefaultInfo].files_to_run.executable],
        )
    return SplitInfo(
        artifact = None,
        as_asked = False,
        crates = crates,
        deps = deps,
        help = of_script.help,
        library = None,
        link = None,
        originals = of_script.originals,
        program = program,
        runfiles = [],
        told = of_script.told,
        unsplit = of_script.unsplit or "it is not a Rust crate",
    )

def _native_dwos(target):
    """Finds the split debug information of C and C++ code, which Bazel's `--fission` asks for.

    Args:
        target: A target that is no crate.

    Returns:
        A list of Files. Which of them are of what is linked, the artifact says.
    """
    compiling = [action for action in target.actions if action.mnemonic == "CppCompile"]
    return [f for action in compiling for f in action.outputs.to_list() if f.extension == "dwo"]

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
    info = crate_info_of(target)
    scripts = [dep for dep in _targets(ctx, "script") if SplitInfo in dep]
    if not info and scripts:
        return [_of_script(target, ctx, deps, scripts[0])]
    if not info:
        return [_unsplit(target, ctx, deps, "it is not a Rust crate", native_dwos = depset(_native_dwos(target), transitive = [deps.dwos]))]

    found = find_rustc_action(target, info)
    if not found.action and not found.unsplit:
        return [_unsplit(target, ctx, deps, "it has no action that runs rustc")]

    tools = find_toolchains(ctx)
    reason = unsupported(tools)
    if reason:
        help = "load its rule from rules_rust, or register a toolchain"
        return [_unsplit(target, ctx, deps, reason, help, found.outputs)]
    if found.unsplit:
        return [_unsplit(target, ctx, deps, found.unsplit, found.help, found.outputs)]
    if is_built_by_rules_rust(ctx, info, ctx.attr._built_by_rules_rust[BuiltByRulesRustInfo]):
        # So is all below it, unless a dependent takes that from elsewhere.
        return [_unsplit(target, ctx, crate_set.empty, "built_by_rules_rust names it", originals = found.outputs, as_asked = True)]
    lto = lto_mode_of(ctx, ctx.attr._lto[LtoInfo], tools.rust)
    opt_level = opt_level_of(ctx, ctx.attr._host_opt_level[HostOptLevelInfo])
    known = crate_set.known(deps)
    foreign = foreign_libraries(target, known)
    reason, help = why_not_split(foreign, lto, opt_level, ctx.attr._built_by_rules_rust[BuiltByRulesRustInfo])
    if reason:
        return [_unsplit(target, ctx, deps, reason, help, found.outputs)]
    if foreign.first:
        deps = crate_set.union([deps, foreign.crates])
        known = crate_set.known(deps)

    # Of a large program there are thousands at each of thousands of targets.
    files = found.action.inputs.to_list()
    name = public_name(ctx.label.name)
    version = _version(ctx)
    first_party = is_first_party(ctx.label, ctx.attr._first_party[FirstPartyInfo])

    # What only the build runs keeps it inside.
    split_debug_info = not is_exec(ctx) and is_debug_info_split(
        ctx.attr._split_debug_info[SplitDebugInfoInfo],
        ctx.attr._fission[SwitchInfo],
    )
    crate = new_crate(
        info,
        found.action,
        deps,
        crate_name = public_crate_name(ctx.label, info.name),
        directory = name + ".splitlink",
        display_name = name + " v" + version if version else name,
        exchanged = [
            struct(old = f, new = known[f])
            for f in files
            if f in known and known[f]
        ] if deps.exchanged else [],
        incremental = first_party and ctx.attr._incremental[SwitchInfo].enabled,
        interface = first_party and ctx.attr._interfaces[SwitchInfo].enabled,
        lto = lto,
        opt_level = opt_level,
        # With LTO the link splits it off what LTO makes.
        split_debug_info = split_debug_info and lto == "off",
        split_debug_info_of_lto = split_debug_info and lto != "off",
        worker = ctx.attr._worker[SwitchInfo].enabled,
    )
    if info.type in _LIBRARY_TYPES:
        return [_split_library(target, ctx, tools, crate, found, files, known)]
    return [_split_linked(target, ctx, tools, crate, found, files, known)]

split_aspect = aspect(
    implementation = _split_aspect_impl,
    doc = "Declares the actions that build every crate below a target through the split, and that " +
          "run their build scripts.",
    attr_aspects = _DEPENDENCY_ATTRIBUTES + _FORWARDING_ATTRIBUTES + _SCRIPT_ATTRIBUTES + ["crate"],
    attrs = {
        "_built_by_rules_rust": attr.label(
            default = Label("//rules/bazel:built_by_rules_rust"),
            providers = [BuiltByRulesRustInfo],
        ),
        "_fallback": attr.label(
            default = Label("//rules/bazel:fallback"),
            providers = [FallbackInfo],
        ),
        "_fission": attr.label(
            default = Label("//rules/bazel/private:fission"),
            providers = [SwitchInfo],
        ),
        "_first_party": attr.label(
            default = Label("//rules/bazel:first_party"),
            providers = [FirstPartyInfo],
        ),
        "_host_opt_level": attr.label(
            default = Label("//rules/bazel:host_opt_level"),
            providers = [HostOptLevelInfo],
        ),
        "_incremental": attr.label(
            default = Label("//rules/bazel:incremental"),
            providers = [SwitchInfo],
        ),
        "_interfaces": attr.label(
            default = Label("//rules/bazel:interfaces"),
            providers = [SwitchInfo],
        ),
        # A proc macro that is built for the target platform is linked here.
        "_linker": attr.label(
            default = Label("//rules/bazel:linker"),
            providers = [LinkerInfo],
        ),
        "_lto": attr.label(
            default = Label("//rules/bazel:lto"),
            providers = [LtoInfo],
        ),
        "_lto_cache": attr.label(
            default = Label("//rules/bazel:lto_cache"),
            providers = [LtoCacheInfo],
        ),
        "_notices": attr.label_list(
            default = [
                Label("//rules/bazel/private:unsupported_linking"),
                Label("//rules/bazel/private:unsupported_platform"),
            ],
            providers = [NoticeInfo],
        ),
        "_split_debug_info": attr.label(
            default = Label("//rules/bazel:split_debug_info"),
            providers = [SplitDebugInfoInfo],
        ),
        "_toolchain_parts": attr.label(
            default = Label("//rules/bazel/private:toolchain_parts"),
            providers = [ToolchainPartsInfo],
        ),
        "_worker": attr.label(
            default = Label("//rules/bazel:worker"),
            providers = [SwitchInfo],
        ),
    },
    fragments = ["cpp"],
    toolchains = SPLIT_TOOLCHAINS,
)
