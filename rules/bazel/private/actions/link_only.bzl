"""The action that links a crate from its plan, its modules and the compiled crates."""

load("//rules/bazel/private:names.bzl", "named_as_typed")
load("//rules/bazel/private:settings.bzl", "LinkerInfo", "LtoCacheInfo", "SwitchInfo")
load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "add_dylibs", "new_arguments")
load(":distributed_lto.bzl", "declare_distributed_lto")
load(":edges.bzl", "add_edges")

def new_link(plan, modules, dwo, inputs, lld, crates, edges, rust, env, description, lto, path_mapping, split_debug_info, version, purl):
    """Gathers what it takes to link a crate.

    Args:
        plan: The link plan (File).
        modules: The crate's modules (a directory File).
        dwo: The folder of its split debug information (a directory File), or None.
        inputs: What else the linker reads (depset of File): native libraries, linker scripts, the
            standard library, the linker.
        lld: The toolchain's own lld (depset of File), for whoever chooses it.
        crates: The crate set of the libraries that the crate depends on.
        edges: What `find_edges` returned: which of them depends on which.
        rust: The Rust toolchain that the crate is linked with.
        env: The environment of the linker (dict).
        description: The crate's type and name, for progress messages.
        lto: The mode of LTO, one of LTO_MODES.
        path_mapping: Whether Bazel may map the paths of what is linked (docs/worker.md).
        split_debug_info: Whether debug information is in files of its own.
        version: The version of the crate (string); empty if it has none.
        purl: The URL of its package (string); empty if that is not known.

    Returns:
        A struct to be given to `declare_link_only`.
    """

    # Bazel maps the path of a File alone.
    in_sysroot = rust.rustc if rust.rustc.dirname == rust.sysroot + _BIN else None
    return struct(
        description = description,
        dwos = depset([dwo], transitive = [crates.dwos]) if dwo else crates.dwos,
        edges = edges,
        env = env,
        inputs = inputs,
        lld = lld,
        in_sysroot = in_sysroot,
        lto = lto,
        modules = modules,
        path_mapping = path_mapping and in_sysroot != None,
        plan = plan,
        purl = purl,
        purls = crates.purls,
        rlibs = crates.rlibs,
        split_debug_info = split_debug_info,
        version = version,
        versions = crates.versions,
        sysroot = rust.sysroot,
    )

# Where rustc lies in its sysroot.
_BIN = "/bin"

def _sysroot(rustc):
    return rustc.dirname.removesuffix(_BIN)

def _label(rlib):
    return "{}={}".format(rlib.basename, named_as_typed(rlib.owner))

def declare_link_only(ctx, toolchains, link, outputs, report = None, manifest = None, dwo_of_lto = None, dylibs = None, dylib_directories = []):
    """Declares the action that links a crate, as one crate type or several.

    Args:
        ctx: The context of a rule or aspect with the attribute `_linker`. A rule's own `linker`
            goes before it.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned. With thin LTO, `ctx` must have the attribute `_lto_cache`.
        outputs: The artifacts to write: a dict from crate type to File. The key "" stands for the
            plan's only crate type.
        report: The link report to write (File); `ctx` must then have the attribute
            `_report_times`. Default: none.
        manifest: The manifest that is written beside a dylib (File). Default: none.
        dwo_of_lto: The folder for split debug information of what LTO makes (a directory File).
            Default: none.
        dylibs: What `find_dylibs` returned. Default: None, for a static link.
        dylib_directories: Where the artifact finds its dylibs: folders, or run paths that begin
            with `$ORIGIN`. Default: none.
    """
    args = new_arguments(ctx)
    distributed = None
    if link.lto == "thin" and hasattr(ctx.attr, "_lto_distributed") and ctx.attr._lto_distributed[SwitchInfo].enabled:
        if ctx.attr._lto_cache[LtoCacheInfo].folder:
            fail(("{}: --@splitlink//rules/bazel:lto_cache keeps what thin LTO makes in one action, and " +
                  "--@splitlink//rules/bazel:lto_distributed has actions of their own for that; leave one of them out").format(ctx.label))
        if dwo_of_lto:
            fail(("{}: --@splitlink//rules/bazel:lto_distributed makes no files of split debug information, which --fission asks for; " +
                  "leave one of them out").format(ctx.label))
        distributed = declare_distributed_lto(ctx, toolchains, link, outputs.keys(), dylibs)
        args.add("--thin-link", distributed.linked)
        args.add("--thin-objects", distributed.objects_directory)
    args.add("--plan", link.plan)
    args.add_all("--modules", [link.modules], expand_directories = False)
    args.add_all(link.rlibs, before_each = "--rlib")
    if link.in_sysroot:
        args.add_all([link.in_sysroot], before_each = "--sysroot", map_each = _sysroot)
    else:
        args.add("--sysroot", link.sysroot)
    if link.lto != "off":
        args.add("--lto", link.lto)
    engine = toolchains.lto_engine if link.lto == "fat" else None
    if engine:
        args.add("--lto-engine", engine.executable)
    cache = ctx.attr._lto_cache[LtoCacheInfo].folder if link.lto == "thin" else ""
    if cache:
        args.add("--lto-cache", cache)
    linker = getattr(ctx.attr, "linker", "") or ctx.attr._linker[LinkerInfo].name
    linker_program = None
    if linker != "default":
        args.add("--linker", linker)
        linker_program = toolchains.linkers.get(linker)
    if linker_program:
        args.add("--linker-program", linker_program.executable)
    if dwo_of_lto:
        args.add_all("--dwo-dir", [dwo_of_lto], expand_directories = False)

    # With split debug information lld generates the code after fat LTO, too.
    transitive = [link.inputs, link.rlibs] + ([link.lld] if linker == "lld" or dwo_of_lto else [])
    inputs = [link.plan, link.modules]
    if distributed:
        inputs.append(distributed.linked)
        inputs += distributed.objects
    transitive.append(add_dylibs(args, dylibs))
    if dylibs:
        args.add_all(dylib_directories, before_each = "--dylib-dir")
    if report:
        args.add("--report", report)
        if ctx.attr._report_times[SwitchInfo].enabled:
            args.add("--report-times")

    # Whoever links an archive has more in it.
    auditable = ctx.attr._auditable[SwitchInfo].enabled if hasattr(ctx.attr, "_auditable") else False
    if auditable and [f for f in outputs.values() if f.extension != "a"]:
        args.add("--auditable")
        add_edges(args, link.edges)
    else:
        auditable = False
    if report or auditable:
        args.add_all(link.rlibs, before_each = "--crate-label", map_each = _label)
        args.add_all(link.versions, before_each = "--crate-version")
        args.add_all(link.purls, before_each = "--crate-purl")
        if link.version:
            args.add("--root-version", link.version)
        if link.purl:
            args.add("--root-purl", link.purl)
    requirements = {}
    if cache:
        requirements["no-remote-exec"] = "1"
    elif link.path_mapping and not dylibs and not manifest and not distributed:
        requirements["supports-path-mapping"] = "1"
    for crate_type, output in outputs.items():
        args.add("--output", output, format = crate_type + "=%s" if crate_type else None)
    ctx.actions.run(
        executable = toolchains.tool,
        tools = [program for program in (engine, linker_program) if program],
        arguments = ["link-only", args],
        inputs = depset(inputs, transitive = transitive),
        outputs = outputs.values() + [f for f in (report, manifest, dwo_of_lto) if f],
        env = link.env,
        execution_requirements = requirements,
        mnemonic = "SplitlinkLink",
        progress_message = "Linking Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
