"""Libraries below a target that the split does not build."""

load("@rules_rust//rust:defs.bzl", "rust_common")
load(":crate_set.bzl", "crate_set")
load(":names.bzl", "public_label")

def _shared(crates, foreign, known):
    """Finds the crates below those of rules_rust that the split builds, too.

    Args:
        crates: All crates below a target (list of CrateInfo).
        foreign: A dict whose keys are the libraries that the split does not build (File).
        known: What `crate_set.known` returned: the files that the split replaces.

    Returns:
        A list of CrateInfo.
    """
    below = {c.output: c.deps if type(c.deps) == "list" else c.deps.to_list() for c in crates}
    shared = {}
    found = foreign.keys()
    for _ in crates:
        found = [
            dep.crate_info
            for output in found
            for dep in below.get(output, [])
            if dep.crate_info and dep.crate_info.output in known and dep.crate_info.output not in shared
        ]
        if not found:
            break
        shared.update({c.output: c for c in found})
        found = [c.output for c in found]
    return shared.values()

def foreign_libraries(target, known):
    """Finds the libraries among a target's dependencies that the split does not build.

    An aspect may have made them, whose actions no other sees (rust_prost_library). They take part
    as rules_rust builds them.

    Args:
        target: The target.
        known: What `crate_set.known` returned: the files that the split replaces.

    Returns:
        A struct of `crates` (a crate set), `first` (one of the libraries, a File, or None) and
        `shared` (a list of the crates below them that the split builds, too, by their CrateInfos).
    """
    info = target[rust_common.dep_info]
    rlibs = [f for f in info.transitive_crate_outputs.to_list() if f not in known and f.extension == "rlib"]
    if not rlibs:
        return struct(crates = crate_set.empty, first = None, shared = [])
    foreign = {f: True for f in rlibs}
    stems = {f.basename.removesuffix(".rlib"): True for f in rlibs}
    rmetas = [
        f
        for f in info.transitive_metadata_outputs.to_list()
        if f.extension == "rmeta" and f.basename.removesuffix(".rmeta") in stems
    ]
    crates = info.transitive_crates.to_list()
    macros = [c.output for c in crates if c.type == "proc-macro" and c.output not in known]
    return struct(
        crates = crate_set.of_foreign(rlibs + rmetas + macros, rlibs, macros),
        first = rlibs[0],
        shared = _shared(crates, foreign, known),
    )

def why_not_split(foreign, lto, opt_level, built_by_rules_rust):
    """Finds out whether the split can build a target above libraries that it does not build.

    Args:
        foreign: What `foreign_libraries` returned.
        lto: The target's LTO mode.
        opt_level: What `opt_level_of` returned.
        built_by_rules_rust: The BuiltByRulesRustInfo.

    Returns:
        Why it cannot, as the end of a sentence, and what to do; two empty strings if it can.
    """
    if not foreign.first:
        return "", ""
    if lto != "off":
        reason = "and is to be linked with lto = \"{}\", for which that is not compiled".format(lto)
        help = "build it without LTO"
    elif opt_level:
        reason = "and is compiled at host_opt_level = {}, at which that is not".format(opt_level)
        help = "set --@splitlink//rules/bazel:host_opt_level=as_configured"
    elif foreign.shared:
        # rustc's hash of a crate differs between the two builds of it.
        reason = "and on {}, which both build".format(foreign.shared[0].output.basename)
        names = built_by_rules_rust.names.keys() + [c.name for c in foreign.shared]
        help = "set --@splitlink//rules/bazel:built_by_rules_rust={}".format(",".join(sorted(names)))
    else:
        return "", ""
    reason = "it depends on {} ({}), which the split does not build, {}".format(
        foreign.first.basename,
        public_label(foreign.first.owner),
        reason,
    )
    return reason, help
