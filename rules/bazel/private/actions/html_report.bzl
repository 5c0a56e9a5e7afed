"""The action that makes a page for people of a link report."""

load("@rules_rust//rust:defs.bzl", "rust_common")
load("//rules/bazel/private:names.bzl", "named_as_typed")
load("//rules/bazel/private:rustc_action.bzl", "crate_info_of")
load("//rules/bazel/private:toolchains.bzl", "RUST_TOOLCHAIN_TYPE")
load(":arguments.bzl", "new_arguments")

def _libraries(deps):
    """Lists the libraries among what a crate depends on.

    Args:
        deps: The `deps` of a CrateInfo: a depset or list of DepVariantInfo.

    Returns:
        A list of file names.
    """
    deps = deps if type(deps) == "list" else deps.to_list()
    crates = [getattr(dep, "crate_info", None) for dep in deps]
    for dep in deps:
        group = getattr(dep, "crate_group_info", None)
        if group:
            crates += [of_group.crate_info for of_group in group.dep_variant_infos.to_list()]
    return [crate.output.basename for crate in crates if crate and crate.output.extension == "rlib"]

def _edges(crate):
    if crate.output.extension != "rlib":
        return []
    return ["{}={}".format(crate.output.basename, library) for library in _libraries(crate.deps)]

def declare_html_report(ctx, toolchains, target, report, sizes, description):
    """Declares the action that makes a page of a link report.

    Args:
        ctx: The context of a rule with DYLIB_ATTRS.
        toolchains: What `find_toolchains` returned.
        target: The rules_rust target whose crate is linked.
        report: The link report (File).
        sizes: What is in its artifacts (list of File).
        description: The crate's type and name, for progress messages.

    Returns:
        The page (File).
    """
    page = ctx.actions.declare_file(ctx.label.name + ".splitlink/report.html")
    args = new_arguments(ctx)
    args.add("--output", page)
    args.add("--report", report)
    args.add_all(sizes, before_each = "--sizes")

    # An archive has no sizes to compare.
    before = ctx.files._sizes_before if sizes else []
    args.add_all(before, before_each = "--sizes-before")
    args.add("--label", named_as_typed(target.label))
    args.add_all(_libraries(crate_info_of(target).deps), before_each = "--edge", format_each = "=%s")

    # Only when it is run does the action go through what there is of a large program.
    args.add_all(target[rust_common.dep_info].transitive_crates, before_each = "--edge", map_each = _edges)
    ctx.actions.run(
        executable = toolchains.tool,
        arguments = ["report", args],
        inputs = [report] + sizes + before,
        outputs = [page],
        mnemonic = "SplitlinkReport",
        progress_message = "Making a page of how Rust {} is linked".format(description),
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
    return page
