"""The Rust dylibs that a target may be linked with, and how it finds them when it runs."""

load("//rules/common:linkage.bzl", "prefers_dynamic")
load(":prelude.bzl", "LinkedObject", "create_shlib")
load(":providers.bzl", "DylibInfo", "SplitlinkToolchainInfo")
load(":settings.bzl", "LINKERS", "is_linkage_dynamic")

# The attributes of every rule that links.
DYLIB_ATTRS = {
    "dylibs": attrs.list(
        attrs.dep(providers = [DylibInfo]),
        default = [],
        doc = "`rust_dylib` targets that this one may be linked with, in place of their crates' " +
              "rlibs. They count where dylibs are preferred. Default: none.",
    ),
    "linker": attrs.option(
        attrs.enum(LINKERS),
        default = None,
        doc = "The linker: `lld` of the Rust toolchain, `mold` or `wild` of the search path for " +
              "programs, or `default`, what rustc asks for. Default: what `splitlink.linker` in " +
              "the configuration says (`-c splitlink.linker=mold`).",
    ),
    "prefer_dynamic": attrs.option(
        attrs.bool(),
        default = None,
        doc = "Whether dylibs are preferred to rlibs, the standard library's included: True or " +
              "False. Default: what `splitlink.linkage` in the configuration says " +
              "(`-c splitlink.linkage=dynamic`), which leaves a target with LTO static.",
    ),
}

def find_dylibs(ctx: AnalysisContext, directory: str) -> struct | None:
    """Finds what a target may be linked with dynamically.

    Args:
        ctx: The context of a rule with DYLIB_ATTRS.
        directory: The folder for what is declared on the way.

    Returns:
        A struct of `dylibs` (as in DylibInfo), `of_setting` (bool), `std_manifest` (Artifact) and `directories` (a list
        of Artifact: the folders in which the target finds them); None if everything is linked
        statically.
    """
    split = ctx.attrs._rust_toolchain[SplitlinkToolchainInfo]
    if not prefers_dynamic(ctx.attrs.prefer_dynamic, is_linkage_dynamic, split.lto):
        return None
    dylibs = {}
    for dep in ctx.attrs.dylibs:
        dylibs.update(dep[DylibInfo].dylibs)
    links = ctx.actions.symlinked_dir(directory + "/dylibs", {name: made.dylib for name, made in dylibs.items()})
    return struct(
        dylibs = dylibs,
        of_setting = ctx.attrs.prefer_dynamic == None,
        std_manifest = split.std_manifest,
        directories = [links, split.std_directory],
    )

def link_arguments(dylibs: struct | None, crate_types: list[str]) -> cmd_args:
    """Makes the arguments that tell link-only what it may link with dynamically.

    Args:
        dylibs: What `find_dylibs` returned.
        crate_types: The crate types that are linked.

    Returns:
        Arguments.
    """
    if not dylibs or crate_types == ["staticlib"]:
        return cmd_args()
    return cmd_args(
        "--prefer-dynamic",
        # Only a setting asks for them, and not the target itself.
        "--static-with-own-allocator" if dylibs.of_setting else [],
        cmd_args(dylibs.std_manifest, format = "--std-manifest={}"),
        [cmd_args(made.dylib, format = "--dylib={}", hidden = made.manifest) for made in dylibs.dylibs.values()],
        cmd_args(dylibs.directories, format = "--dylib-dir={}", ignore_artifacts = True),
        # A C or C++ program has all its shared libraries in one folder of its own.
        "--dylib-dir=$ORIGIN" if "cdylib" in crate_types or "dylib" in crate_types else [],
    )

def shared_libraries(ctx: AnalysisContext, dylibs: struct | None) -> list:
    """Lists the dylibs for C and C++ programs that load an artifact which is linked with them.

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
