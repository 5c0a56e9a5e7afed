"""The action that links a crate from its plan, its modules and the compiled crates."""

load(":arguments.bzl", "new_arguments")
load(":lto_cache_setting.bzl", "LtoCacheInfo")
load(":report_times_setting.bzl", "ReportTimesInfo")
load(":toolchains.bzl", "RUST_TOOLCHAIN_TYPE")

def new_link(plan, modules, inputs, rlibs, sysroot, env, description, lto):
    """Gathers what it takes to link a crate.

    Args:
        plan: The link plan (File).
        modules: The crate's modules (a directory File).
        inputs: What else the linker reads (list of File): native libraries, linker scripts, the standard library, the linker.
        rlibs: The code of the libraries that the crate depends on (depset of File).
        sysroot: The path of the Rust sysroot that the crate is linked with.
        env: The environment of the linker (dict).
        description: The crate's type and name, for progress messages.
        lto: How link-time optimisation is done: "off", "thin" or "fat".

    Returns:
        A struct to be given to `declare_link_only`.
    """
    return struct(
        description = description,
        env = env,
        inputs = inputs,
        lto = lto,
        modules = modules,
        plan = plan,
        rlibs = rlibs,
        sysroot = sysroot,
    )

def declare_link_only(ctx, toolchains, link, outputs, report = None, manifest = None, dylibs = None, dylib_directories = []):
    """Declares the action that links a crate, as one crate type or several.

    Args:
        ctx: The context of a rule or aspect.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned; with LTO, in a rule with DYLIB_ATTRS.
        outputs: The artifacts to write: a dict from crate types to File; the key "" stands for the plan's only one.
        report: The link report to write (File), in a rule with DYLIB_ATTRS. Default: none.
        manifest: The manifest that is written beside a dylib (File). Default: none.
        dylibs: What `find_dylibs` returned. Default: None, for a static link.
        dylib_directories: Where the artifact finds its dylibs: folders, or run paths that begin with `$ORIGIN`. Default: none.
    """
    args = new_arguments(ctx)
    args.add("--plan", link.plan)
    args.add_all("--modules", [link.modules], expand_directories = False)
    args.add_all(link.rlibs, before_each = "--rlib")
    args.add("--sysroot", link.sysroot)
    if link.lto != "off":
        args.add("--lto", link.lto)
    engine = toolchains.lto_engine if link.lto == "fat" else None
    if engine:
        args.add("--lto-engine", engine.executable)
    cache = ctx.attr._lto_cache[LtoCacheInfo].folder if link.lto == "thin" else ""
    if cache:
        args.add("--lto-cache", cache)
    transitive = [link.rlibs]
    inputs = link.inputs + [link.plan, link.modules]
    if dylibs:
        args.add("--prefer-dynamic")
        args.add_all(dylibs.dylibs, before_each = "--dylib")
        transitive += [dylibs.dylibs, dylibs.manifests]
        if dylibs.std.manifest:
            args.add("--std-manifest", dylibs.std.manifest)
            inputs.append(dylibs.std.manifest)
        args.add_all(dylib_directories, before_each = "--dylib-dir")
    if report:
        args.add("--report", report)
        if ctx.attr._report_times[ReportTimesInfo].enabled:
            args.add("--report-times")
    for crate_type, output in outputs.items():
        args.add("--output", output, format = crate_type + "=%s" if crate_type else None)
    ctx.actions.run(
        executable = toolchains.tool,
        tools = [engine] if engine else [],
        arguments = ["link-only", args],
        inputs = depset(inputs, transitive = transitive),
        outputs = outputs.values() + [f for f in (report, manifest) if f],
        env = link.env,
        execution_requirements = {"no-remote-exec": "1"} if cache else {},
        mnemonic = "SplitlinkLink",
        progress_message = "Linking Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
