"""The actions of distributed thin LTO that come before the link: the thin link, and one back end for each crate."""

load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load("//rules/common:lto.bzl", "thin_link_folders")
load(":arguments.bzl", "add_dylibs", "new_arguments")

def declare_distributed_lto(ctx, toolchains, link, crate_types, dylibs):
    """Declares the actions that make the objects of a link with thin LTO.

    A change of one crate runs the thin link again. It runs the back ends again of those crates for
    which that wrote something else: what a crate's folder holds is all that its back end reads.

    Args:
        ctx: The context of a rule.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned.
        crate_types: The crate types that are linked (list of string); "" stands for the plan's only
            one.
        dylibs: What `find_dylibs` returned.

    Returns:
        A struct of `linked`, which says how the objects are linked (File), `objects` (list of
        directory File) and `objects_directory`, the folder that they are in (string).
    """
    directory = ctx.label.name + ".splitlink/"
    linked = ctx.actions.declare_file(directory + "thin_link/link.json")
    std_bitcode = ctx.actions.declare_directory(directory + "thin_link/std-bitcode")
    folders = thin_link_folders(link.rlibs.to_list())
    indexes = {folder: ctx.actions.declare_directory(directory + "thin_link/" + folder) for folder in folders}

    args = new_arguments(ctx)
    args.add("--plan", link.plan)
    args.add_all("--modules", [link.modules], expand_directories = False)
    args.add_all(link.rlibs, before_each = "--rlib")
    args.add("--sysroot", link.sysroot)
    args.add_all([crate_type for crate_type in crate_types if crate_type], before_each = "--crate-type")
    of_dylibs = add_dylibs(args, dylibs)
    args.add("--output-dir", linked.dirname)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["thin-link", args],
        inputs = depset([link.plan, link.modules], transitive = [link.inputs, link.rlibs, of_dylibs]),
        outputs = [linked, std_bitcode] + indexes.values(),
        env = link.env,
        mnemonic = "SplitlinkThinLink",
        progress_message = "Finding imports for thin LTO of Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    objects = {folder: ctx.actions.declare_directory(directory + "thin_objects/" + folder) for folder in folders}
    for folder in folders:
        _declare_back_end(ctx, toolchains, link, indexes[folder], std_bitcode, objects[folder], folder)
    return struct(
        linked = linked,
        objects = objects.values(),
        objects_directory = linked.dirname.removesuffix("thin_link") + "thin_objects",
    )

def _declare_back_end(ctx, toolchains, link, index, std_bitcode, objects, folder):
    args = new_arguments(ctx)
    args.add_all("--index", [index], expand_directories = False)
    args.add_all("--std-bitcode", [std_bitcode], expand_directories = False)
    args.add_all("--output-dir", [objects], expand_directories = False)
    args.add("--lto-engine", toolchains.lto_engine.executable)
    args.add("--sysroot", link.sysroot)

    # Bazel runs as many of these actions at a time as there are processors.
    args.add("--threads", "1")
    ctx.actions.run(
        executable = toolchains.tool,
        tools = [toolchains.lto_engine],
        arguments = ["thin-backend", args],
        inputs = depset([index, std_bitcode], transitive = [link.lld]),
        outputs = [objects],
        mnemonic = "SplitlinkThinBackend",
        progress_message = "Optimising Rust {} for {}".format(folder.rpartition("/")[2], link.description),
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
