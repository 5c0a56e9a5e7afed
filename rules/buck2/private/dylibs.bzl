"""The Rust dylibs that a target may be linked with, and where it finds them when it runs."""

load(":attributes.bzl", "is_linkage_dynamic")
load(":prelude.bzl", "LinkedObject", "create_shlib")
load(":providers.bzl", "DylibInfo", "SplitlinkToolchainInfo")

def find_dylibs(ctx: AnalysisContext, directory: str) -> struct | None:
    """Finds what a target may be linked with dynamically.

    Args:
        ctx: The context of a rule with LINKED_ATTRS.
        directory: The folder for what is declared on the way.

    Returns:
        A struct of `dylibs` (as in DylibInfo), `std_manifest` (Artifact) and `directories` (a list of Artifact: the folders in which the
        target finds them); None if everything is to be linked statically.
    """
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    preferred = ctx.attrs.prefer_dynamic

    # The setting is for all targets, and those with LTO are for release.
    if preferred == False or (preferred == None and (split.lto != "off" or not is_linkage_dynamic)):
        return None
    dylibs = {}
    for dep in ctx.attrs.dylibs:
        dylibs.update(dep[DylibInfo].dylibs)
    links = ctx.actions.symlinked_dir(directory + "/dylibs", {name: made.dylib for name, made in dylibs.items()})
    return struct(
        dylibs = dylibs,
        std_manifest = split.std_manifest,
        directories = [links, split.std_directory],
    )

def link_arguments(dylibs: struct | None, crate_types: list[str]) -> cmd_args:
    """Says to link-only what it may link with dynamically.

    Args:
        dylibs: What `find_dylibs` returned.
        crate_types: What is linked.

    Returns:
        Arguments.
    """
    if not dylibs or crate_types == ["staticlib"]:
        return cmd_args()
    return cmd_args(
        "--prefer-dynamic",
        cmd_args(dylibs.std_manifest, format = "--std-manifest={}"),
        [cmd_args(made.dylib, format = "--dylib={}", hidden = made.manifest) for made in dylibs.dylibs.values()],
        cmd_args(dylibs.directories, format = "--dylib-dir={}", ignore_artifacts = True),
        # A C or C++ program has all its shared libraries in one folder of its own.
        "--dylib-dir=$ORIGIN" if "cdylib" in crate_types or "dylib" in crate_types else [],
    )

def shared_libraries(ctx: AnalysisContext, dylibs: struct | None) -> list:
    """Lists the dylibs for C and C++ programs that load an artifact linked with them.

    Args:
        ctx: The rule's context.
        dylibs: What `find_dylibs` returned.

    Returns:
        A list of the prelude's SharedLibrary.
    """
    if not dylibs:
        return []
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    files = [(name, made.dylib) for name, made in dylibs.dylibs.items()] + [(split.std_soname, split.std_dylib)]
    return [
        create_shlib(label = ctx.label, lib = LinkedObject(output = dylib, unstripped_output = dylib), soname = soname)
        for soname, dylib in files
    ]
