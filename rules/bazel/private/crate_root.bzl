"""Finds a crate's root file where rules_rust could only find it by the target's name."""

def _basename(label):
    return label.rpartition("/")[2].rpartition(":")[2]

def _choose(files, basename_of, names):
    """Chooses the root among files: by the first name that one has, and then by the shortest path."""
    for name in names:
        roots = [file for file in files if basename_of(file) == name + ".rs"]
        if roots:
            return sorted(roots, key = lambda file: len(str(file)))[0]
    return None

def _crate_root_impl(ctx):
    files = ctx.files.srcs
    root = files[0] if len(files) == 1 else _choose(files, lambda file: file.basename, ctx.attr.names)
    if not root:
        fail("{}: none of srcs is {}\n  help: say with `crate_root` which file is the root of the crate".format(
            str(ctx.label).removeprefix("@@").removesuffix(CRATE_ROOT_SUFFIX),
            " or ".join([name + ".rs" for name in ctx.attr.names]),
        ))
    return [DefaultInfo(files = depset([root]))]

crate_root = rule(
    implementation = _crate_root_impl,
    doc = "The root file among sources that a macro cannot look into.",
    attrs = {
        "names": attr.string_list(
            doc = "The names that the root may have, without `.rs`, in order.",
            mandatory = True,
        ),
        "srcs": attr.label_list(
            doc = "The sources.",
            allow_files = [".rs"],
            mandatory = True,
        ),
    },
)

CRATE_ROOT_SUFFIX = ".crate_root"

def find_crate_root(name, crate_type, attributes):
    """Finds the root of a crate as rules_rust would, were the target its own.

    Args:
        name: The target's name.
        crate_type: "bin" or "lib": whether main.rs or lib.rs comes first.
        attributes: The target's attributes (dict).

    Returns:
        The label of the root, or None if rules_rust finds it without help.
    """
    srcs = attributes.get("srcs")
    if not srcs or attributes.get("crate") or attributes.get("root_path"):
        return None
    default = "main" if crate_type == "bin" else "lib"
    named = attributes.get("crate_name")
    names = [default, name] + ([named] if type(named) == "string" else [])
    if type(srcs) == "list" and not [src for src in srcs if not str(src).endswith(".rs")]:
        if len(srcs) == 1:
            return None
        return _choose(srcs, lambda src: _basename(str(src)), names)

    # Other targets, or a select: known only when they are analysed.
    common = ("compatible_with", "exec_compatible_with", "features", "restricted_to", "target_compatible_with", "testonly")
    crate_root(
        name = name + CRATE_ROOT_SUFFIX,
        srcs = srcs,
        names = names,
        tags = ["manual"],
        visibility = ["//visibility:private"],
        **{key: attributes[key] for key in common if key in attributes}
    )
    return ":" + name + CRATE_ROOT_SUFFIX
