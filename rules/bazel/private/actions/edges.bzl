"""Which crate names which among its own dependencies."""

load("@rules_rust//rust:defs.bzl", "rust_common")
load("//rules/bazel/private:rustc_action.bzl", "crate_info_of")

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

def find_edges(target):
    """Finds which crate names which among its own dependencies, below a target.

    Args:
        target: The rules_rust target whose crate is linked.

    Returns:
        A struct to be given to `add_edges`.
    """
    return struct(
        crates = target[rust_common.dep_info].transitive_crates if rust_common.dep_info in target else depset(),
        direct = _libraries(crate_info_of(target).deps),
    )

def add_edges(args, edges):
    """Gives them to an action.

    Args:
        args: The action's arguments (Args).
        edges: What `find_edges` returned.
    """
    args.add_all(edges.direct, before_each = "--edge", format_each = "=%s")

    # Only when it is run does the action go through what there is of a large program.
    args.add_all(edges.crates, before_each = "--edge", map_each = _edges)
