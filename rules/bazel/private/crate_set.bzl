"""Sets of Rust crates that the split builds, as a dependent needs them."""

def _of(
        dwos = depset(),
        exchanged = depset(),
        originals = depset(),
        proc_macros = depset(),
        purls = depset(),
        rlibs = depset(),
        rmetas = depset(),
        versions = depset()):
    return struct(
        dwos = dwos,
        exchanged = exchanged,
        originals = originals,
        proc_macros = proc_macros,
        purls = purls,
        rlibs = rlibs,
        rmetas = rmetas,
        versions = versions,
    )

_EMPTY = _of()

def _of_library(originals, rmeta, rlib, dwo, deps, version, purl):
    """Makes the set that a dependent of a library sees.

    Args:
        originals: The files (list of File) that rules_rust would have given a dependent for this
            crate.
        rmeta: The library's metadata as the split builds it (File).
        rlib: The library's code as the split builds it (File).
        dwo: The folder of its split debug information (a directory File), or None.
        deps: The set of crates that the library itself depends on.
        version: The library's version (string); empty if it has none.
        purl: The URL of its package (string); empty if that is not known.

    Returns:
        A crate set of the library and all it depends on.
    """
    return _of(
        dwos = depset([dwo], transitive = [deps.dwos]) if dwo else deps.dwos,
        exchanged = deps.exchanged,
        originals = depset(originals, transitive = [deps.originals]),
        proc_macros = deps.proc_macros,
        purls = depset([rlib.basename + "=" + purl], transitive = [deps.purls]) if purl else deps.purls,
        rlibs = depset([rlib], transitive = [deps.rlibs]),
        rmetas = depset([rmeta], transitive = [deps.rmetas]),
        versions = depset([rlib.basename + "=" + version], transitive = [deps.versions]) if version else deps.versions,
    )

def _of_foreign(originals, rlibs, proc_macros):
    """Makes the set of libraries that rules_rust builds.

    Args:
        originals: The files (list of File) by which rules_rust gives them to a dependent.
        rlibs: The libraries (list of File).
        proc_macros: The proc macros below them (list of File).

    Returns:
        A crate set of the libraries.
    """
    return _of(
        originals = depset(originals),
        proc_macros = depset(proc_macros),
        rlibs = depset(rlibs),
        rmetas = depset(rlibs),  # Their metadata may not be a file of its own.
    )

def _of_native(dwos):
    """Makes the set of a C or C++ target, which has no crate.

    Args:
        dwos: The split debug information of it and all below it (depset of File).

    Returns:
        A crate set without crates.
    """
    return _of(dwos = dwos)

def _of_proc_macro(originals, artifact, deps):
    """Makes the set that a dependent of a proc macro sees: the macro alone, which is linked.

    Args:
        originals: The files (list of File) that rules_rust would have given a dependent for this
            crate.
        artifact: The proc macro's shared library as the split builds it (File).
        deps: The set of crates that the macro itself depends on.

    Returns:
        A crate set of one proc macro.
    """
    return _of(
        exchanged = deps.exchanged,
        originals = depset(originals),
        proc_macros = depset([artifact]),
    )

def _of_build_script(exchanged, deps):
    """Makes the set that a dependent of a build script sees.

    Args:
        exchanged: What the build script writes, and its program: a list of structs of `old` (what
            rules_rust would have given a dependent, a File) and `new` (what the split has in its
            place, a File).
        deps: The set of what the build script itself depends on.

    Returns:
        A crate set without crates.
    """
    return _of(exchanged = depset(exchanged, transitive = [deps.exchanged]))

def _known(set):
    """Lists the files that the split replaces with its own.

    Args:
        set: A crate set.

    Returns:
        A dict from each such file to the one in its place, or to None where a dependent is given
        another in another way.
    """
    known = {f: None for f in set.originals.to_list()}
    known.update({pair.old: pair.new for pair in set.exchanged.to_list()})
    return known

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
    return _of(
        dwos = depset(transitive = [s.dwos for s in sets]),
        exchanged = depset(transitive = [s.exchanged for s in sets]),
        originals = depset(transitive = [s.originals for s in sets]),
        proc_macros = depset(transitive = [s.proc_macros for s in sets]),
        purls = depset(transitive = [s.purls for s in sets]),
        rlibs = depset(transitive = [s.rlibs for s in sets]),
        rmetas = depset(transitive = [s.rmetas for s in sets]),
        versions = depset(transitive = [s.versions for s in sets]),
    )

crate_set = struct(
    empty = _EMPTY,
    known = _known,
    of_build_script = _of_build_script,
    of_foreign = _of_foreign,
    of_library = _of_library,
    of_native = _of_native,
    of_proc_macro = _of_proc_macro,
    union = _union,
)
