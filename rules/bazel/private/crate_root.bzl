"""Finds a crate's root file where rules_rust could only find it by the target's name."""

def _basename(label):
    return label.rpartition("/")[2].rpartition(":")[2]

def find_crate_root(name, crate_type, srcs):
    """Finds the root of a crate that is called as its target: `foo-bar.rs` of target `foo-bar`.

    Args:
        name: The target's name.
        crate_type: "bin" or "lib": whether main.rs or lib.rs would come first.
        srcs: The target's sources: a list, or a select, in which we cannot look.

    Returns:
        The label of the root, or None if rules_rust finds it without help.
    """
    if type(srcs) != "list" or len(srcs) < 2:
        return None
    default = "main.rs" if crate_type == "bin" else "lib.rs"
    names = [_basename(str(src)) for src in srcs]
    if default in names:
        return None
    roots = [src for src in srcs if _basename(str(src)) == name + ".rs"]
    return sorted(roots, key = lambda src: len(str(src)))[0] if roots else None
