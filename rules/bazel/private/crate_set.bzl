"""Sets of Rust crates that the split builds, as a dependent needs them."""

_EMPTY = struct(
    originals = depset(),
    proc_macros = depset(),
    rlibs = depset(),
    rmetas = depset(),
)

def _of_library(originals, rmeta, rlib, deps):
    """Makes the set that a dependent of a library sees.

    Args:
        originals: The files (list of File) that rules_rust would have given a dependent for this crate.
        rmeta: The library's metadata as the split builds it (File).
        rlib: The library's code as the split builds it (File).
        deps: The set of crates that the library itself depends on.

    Returns:
        A crate set of the library and all it depends on.
    """
    return struct(
        originals = depset(originals, transitive = [deps.originals]),
        proc_macros = deps.proc_macros,
        rlibs = depset([rlib], transitive = [deps.rlibs]),
        rmetas = depset([rmeta], transitive = [deps.rmetas]),
    )

def _of_proc_macro(originals, artifact):
    """Makes the set that a dependent of a proc macro sees: the macro alone, for it is linked.

    Args:
        originals: The files (list of File) that rules_rust would have given a dependent for this crate.
        artifact: The proc macro's shared library as the split builds it (File).

    Returns:
        A crate set of one proc macro.
    """
    return struct(
        originals = depset(originals),
        proc_macros = depset([artifact]),
        rlibs = depset(),
        rmetas = depset(),
    )

def _union(sets):
    """Joins crate sets.

    Args:
        sets: A list of crate sets.

    Returns:
        A crate set that holds all of them.
    """
    if not sets:
        return _EMPTY
    if len(sets) == 1:
        return sets[0]
    return struct(
        originals = depset(transitive = [s.originals for s in sets]),
        proc_macros = depset(transitive = [s.proc_macros for s in sets]),
        rlibs = depset(transitive = [s.rlibs for s in sets]),
        rmetas = depset(transitive = [s.rmetas for s in sets]),
    )

crate_set = struct(
    empty = _EMPTY,
    of_library = _of_library,
    of_proc_macro = _of_proc_macro,
    union = _union,
)
