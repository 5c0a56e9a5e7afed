"""The actions of distributed thin LTO that come before the link: the thin link, and one back end for each crate."""

load("//rules/buck2/private:prelude.bzl", "at_argfile")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")
load("//rules/buck2/private:settings.bzl", "is_lto_distributed")
load("//rules/common:lto.bzl", "thin_link_folders")

def is_distributed(ctx: AnalysisContext, splits_debug_info: bool) -> bool:
    """Finds whether a target's LTO is done by actions of their own.

    Args:
        ctx: The context of a rule with the attributes of one of the prelude's rules for Rust.
        splits_debug_info: Whether debug information is in files of its own.

    Returns:
        True or False.
    """
    lto = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo].lto
    of_target = bool(getattr(ctx.attrs, "enable_distributed_thinlto", None))
    if of_target and lto != "thin":
        fail("{}: `enable_distributed_thinlto` is for thin LTO, and the target's `lto` is `{}`; set `lto = \"thin\"`, or take the attribute away".format(
            ctx.label.raw_target(),
            lto,
        ))
    if lto != "thin" or not (of_target or is_lto_distributed):
        return False
    if splits_debug_info:
        fail(("{}: distributed thin LTO makes no files of split debug information, which the C++ toolchain's `split_debug_mode` asks for; " +
              "set that to `none`, or take `{}` away").format(
            ctx.label.raw_target(),
            "enable_distributed_thinlto" if of_target else "splitlink.lto_distributed",
        ))
    return True

def declare_distributed_lto(
        ctx: AnalysisContext,
        linked: cmd_args,
        rlibs: list[Artifact],
        crate_types: list[str],
        directory: str) -> cmd_args:
    """Declares the actions that make the objects of a link with thin LTO.

    A change of one crate runs the thin link again. It runs the back ends again of those crates for
    which that wrote something else: what a crate's folder holds is all that its back end reads.

    Args:
        ctx: The rule's context.
        linked: The arguments that say what is linked, with their inputs, as link-only takes them.
        rlibs: The rlibs among them.
        crate_types: The crate types that are linked.
        directory: The folder for the actions' outputs.

    Returns:
        The arguments by which link-only takes the objects, with their inputs.
    """
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    allow_cache_upload = bool(getattr(ctx.attrs, "allow_cache_upload", None))
    link = ctx.actions.declare_output(directory + "/thin_link/link.json")
    std_bitcode = ctx.actions.declare_output(directory + "/thin_link/std-bitcode", dir = True)
    folders = thin_link_folders(rlibs)
    indexes = {folder: ctx.actions.declare_output(directory + "/thin_link/" + folder, dir = True) for folder in folders}
    args = cmd_args(
        linked,
        ["--crate-type=" + crate_type for crate_type in crate_types],
        cmd_args(link.as_output(), format = "--output-dir={}", parent = 1),
        hidden = [std_bitcode.as_output()] + [index.as_output() for index in indexes.values()],
    )
    ctx.actions.run(
        cmd_args(split.tool, "thin-link", at_argfile(actions = ctx.actions, name = directory + "/thin_link.args", args = args, allow_args = True)),
        category = "splitlink_thin_link",
        identifier = ",".join(crate_types),
        allow_cache_upload = allow_cache_upload,
    )
    objects = {folder: ctx.actions.declare_output(directory + "/thin_objects/" + folder, dir = True) for folder in folders}
    for folder in folders:
        ctx.actions.run(
            cmd_args(
                split.tool,
                "thin-backend",
                cmd_args(indexes[folder], format = "--index={}"),
                cmd_args(std_bitcode, format = "--std-bitcode={}"),
                cmd_args(objects[folder].as_output(), format = "--output-dir={}"),
                cmd_args(split.lto_engine, format = "--lto-engine={}"),
                cmd_args(split.sysroot, format = "--sysroot={}"),
                # Buck2 runs as many of these actions at a time as there are processors.
                "--threads=1",
            ),
            category = "splitlink_thin_backend",
            identifier = folder,
            allow_cache_upload = allow_cache_upload,
        )
    return cmd_args(
        cmd_args(link, format = "--thin-link={}"),
        cmd_args(objects["own"], format = "--thin-objects={}", parent = 1),
        hidden = objects.values(),
    )
