"""Link-time optimisation, as the rules of Bazel and of Buck2 take it."""

# What an attribute or setting for LTO takes.
LTO_MODES = ["off", "thin", "fat"]

# How rustc spells the values of `-Clto`.
_LTO_FLAGS = {
    "": "fat",
    "fat": "fat",
    "n": "off",
    "no": "off",
    "off": "off",
    "on": "fat",
    "thin": "thin",
    "y": "fat",
    "yes": "fat",
}

def take_lto_flag(name, attributes):
    """Makes the attribute `lto` of `-Clto` among a target's `rustc_flags`.

    rustc itself must not see the flag: it would optimise while it compiles.

    Args:
        name: The target's name.
        attributes: The user's attributes (dict).

    Returns:
        The attributes to use.
    """
    attributes = dict(attributes)
    flags = attributes.get("rustc_flags")
    if type(flags) != "list":
        return attributes
    kept = []
    for flag in flags:
        apart = bool(kept) and kept[-1] in ("-C", "--codegen")
        option, _, value = flag.removeprefix("-C").removeprefix("--codegen=").partition("=")
        if option != "lto" or not (apart or flag.startswith("-")):
            kept.append(flag)
            continue
        if apart:
            kept.pop()
        if value not in _LTO_FLAGS:
            fail("{}: `{}` in rustc_flags is no value that rustc takes; it takes {}".format(name, flag, ", ".join(sorted(_LTO_FLAGS))))
        asked = attributes.get("lto")
        if asked and asked != _LTO_FLAGS[value]:
            fail("{}: lto = \"{}\" contradicts `{}` in rustc_flags; leave one of them out".format(name, asked, flag))
        attributes["lto"] = _LTO_FLAGS[value]
    attributes["rustc_flags"] = kept
    return attributes

# Which folders `splitlink thin-link` writes besides one for each rlib.
_FOLDERS_OF_ALL = ["own", "std/alloc", "std/core", "std/rest", "std/std"]

def thin_link_folders(rlibs):
    """Lists the folders that `splitlink thin-link` writes, one for each back end.

    Args:
        rlibs: The rlibs that are linked: a list of the engine's files, which have a `basename`.

    Returns:
        A list of string.
    """
    return _FOLDERS_OF_ALL + ["crates/" + rlib.basename.removeprefix("lib").removesuffix(".rlib") for rlib in rlibs]
