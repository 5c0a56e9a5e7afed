"""What a target of the split passes on from the rules_rust target behind it."""

load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("@rules_rust//rust:defs.bzl", "rust_common")
load(":cc_info.bzl", "replace_library")
load(":names.bzl", "public_crate_name")
load(":rustc_action.bzl", "crate_info_of")

# Every provider has these beside its fields.
_NO_FIELDS = ("to_json", "to_proto")

def _forward_crate(ctx, target, artifact):
    """Passes on what Rust rules ask of a crate, with our artifact as its output.

    Args:
        ctx: The rule's context.
        target: The rules_rust target.
        artifact: What the split built (File).

    Returns:
        A list of providers.
    """
    return _published_crate(
        ctx,
        target,
        metadata = None,
        output = artifact,
        rustc_output = None,
        rustc_rmeta_output = None,
    )

def _published_crate(ctx, target, **changes):
    """Passes on what Rust rules ask of a crate, as that of the publishing target.

    Args:
        ctx: The rule's context.
        target: The rules_rust target.
        **changes: Fields of the CrateInfo to exchange.

    Returns:
        A list of providers.
    """
    crate = crate_info_of(target)
    fields = {name: getattr(crate, name) for name in dir(crate) if name not in _NO_FIELDS}

    # Keys of `aliases` are compared with the owner.
    fields.update(name = public_crate_name(target.label, crate.name), owner = ctx.label)
    fields.update(changes)
    crate = rust_common.create_crate_info(**fields)
    if rust_common.crate_info in target:
        return [crate, target[rust_common.dep_info]]
    return [rust_common.test_crate_info(crate = crate), target[rust_common.dep_info]]

def _forward_output_groups(target, originals):
    """Passes on output groups, except those for which rules_rust would build the crate.

    Args:
        target: The rules_rust target.
        originals: A dict whose keys are the files that rules_rust's compiler writes.

    Returns:
        A dict of output groups.
    """
    if OutputGroupInfo not in target:
        return {}
    groups = {name: target[OutputGroupInfo][name] for name in target[OutputGroupInfo]}
    return {
        name: files
        for name, files in groups.items()
        if not name.endswith("_INTERNAL_") and not [f for f in files.to_list() if f in originals]
    }

def forward_unsplit(target):
    """Passes on everything of a target that rules_rust builds after all.

    Args:
        target: The rules_rust target.

    Returns:
        A list of providers without DefaultInfo.
    """
    return [
        target[provider]
        for provider in (
            rust_common.crate_info,
            rust_common.test_crate_info,
            rust_common.dep_info,
            CcInfo,
            OutputGroupInfo,
        )
        if provider in target
    ]

def forward_split(ctx, target, split, cc_toolchain, artifact, groups):
    """Passes on everything of a target, with our artifact in place of rules_rust's.

    Args:
        ctx: The rule's context.
        target: The rules_rust target.
        split: The target's SplitInfo.
        cc_toolchain: The CcToolchainInfo, or None.
        artifact: What the split built (File).
        groups: Output groups of what was made of the artifact (dict from name to depset).

    Returns:
        A list of providers without DefaultInfo.
    """
    originals = {f: True for f in split.originals}
    providers = _forward_crate(ctx, target, artifact)
    if CcInfo in target:
        original = crate_info_of(target).output
        providers.append(replace_library(ctx, cc_toolchain, target[CcInfo], original, artifact))
    none = {name: depset() for name in ("dwo", "dwp", "html_report", "report", "sbom", "sizes", "stripped")}
    providers.append(OutputGroupInfo(**(_forward_output_groups(target, originals) | none | groups | {
        "dwo": depset(transitive = [split.link.dwos, (none | groups)["dwo"]]),
        "modules": depset([split.link.modules]),
        "plan": depset([split.link.plan]),
    })))
    return providers

def forward_library(ctx, target, split):
    """Passes on everything of a Rust library, which dependents find through its SplitInfo.

    Args:
        ctx: The rule's context.
        target: The rules_rust target.
        split: The target's SplitInfo.

    Returns:
        A list of providers without DefaultInfo.
    """
    providers = _published_crate(ctx, target)
    if CcInfo in target:
        providers.append(target[CcInfo])
    originals = {} if split.unsplit else {f: True for f in split.originals}
    return providers + [OutputGroupInfo(**_forward_output_groups(target, originals))]

def forward_runfiles(ctx, target, split, own):
    """Passes on runfiles, with our artifact in place of rules_rust's executable.

    Args:
        ctx: The rule's context.
        target: The rules_rust target.
        split: The target's SplitInfo.
        own: What the target itself needs when it runs (list of File): its executable and dylibs.

    Returns:
        Runfiles.
    """
    theirs = target[DefaultInfo].default_runfiles
    originals = {f: True for f in split.originals}
    executable = target[DefaultInfo].files_to_run.executable
    if executable:
        originals[executable] = True
    files = [f for f in theirs.files.to_list() if f not in originals]
    runfiles = ctx.runfiles(
        files = files + own,
        symlinks = theirs.symlinks,
        root_symlinks = theirs.root_symlinks,
    )

    # A filtered list of files makes no empty __init__.py files for Python programs; the runfiles of
    # the data still do.
    return runfiles.merge_all(split.runfiles)

def forward_instrumented_files(ctx, target, split, artifact):
    """Passes on what `bazel coverage` must know.

    Args:
        ctx: The rule's context.
        target: The rules_rust target.
        split: The target's SplitInfo.
        artifact: What the split built (File).

    Returns:
        An InstrumentedFilesInfo.
    """
    metadata = []
    if InstrumentedFilesInfo in target:
        originals = {f: True for f in split.originals}
        for file in target[InstrumentedFilesInfo].metadata_files.to_list():
            metadata.append(artifact if file in originals else file)
    return coverage_common.instrumented_files_info(
        ctx,
        source_attributes = [name for name in ("srcs",) if hasattr(ctx.attr, name)],
        dependency_attributes = [name for name in ("crate", "deps") if hasattr(ctx.attr, name)],
        extensions = ["rs"],
        metadata_files = metadata,
    )
