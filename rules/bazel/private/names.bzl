"""Names that the macros, the aspect and the rules must agree on."""

# The target that a macro declares with rules_rust's rule has the user's name and this at its end.
INNER_SUFFIX = ".rules_rust"

# rules_rust's cdylib or staticlib of a target has the user's crate name and this at its end, so that
# the place of the user's own name is free for what the split builds. The crate itself is compiled
# under the user's name.
INNER_CRATE_SUFFIX = "_rules_rust"

# The tag of a target that stands for the dylib of the one library that it depends on.
DYLIB_TAG = "splitlink-dylib"

# A target that is compiled for several crate types has a tag with them: this prefix, then the crate
# types, joined by commas.
CRATE_TYPES_TAG_PREFIX = "splitlink-crate-types="

# The tags of a library that crate_universe has written: one that says so, and one with the name of its
# package behind this prefix (crate_universe's `make_common_attrs`, rules_rust 0.54 to 0.73).
CRATE_UNIVERSE_TAG = "cargo-bazel"
PACKAGE_TAG_PREFIX = "crate-name="

def public_name(name):
    """Gives the name by which a user knows a target.

    Args:
        name: The name of a target, perhaps one that a macro made.

    Returns:
        The name without the macro's suffix.
    """
    return name.removesuffix(INNER_SUFFIX)

def public_label(label):
    """Gives the label by which a user knows a target.

    Args:
        label: The label of a target, perhaps one that a macro made.

    Returns:
        The label as text, without the macro's suffix.
    """
    return public_name(str(label).removeprefix("@@").removeprefix("@"))

def named_as_typed(label):
    """Gives the label that a user types for a target.

    Args:
        label: The label of a target, perhaps one that a macro made.

    Returns:
        The label as text, without the macro's suffix, and within the main repository without its
        name, which is empty.
    """
    name = public_name(str(label))
    return name.removeprefix("@@") if name.startswith("@@//") else name

def public_crate_name(label, name):
    """Gives the name by which a user knows a crate.

    Args:
        label: The label of the crate's target, perhaps one that a macro made.
        name: The crate's name.

    Returns:
        The name without the macro's suffix.
    """
    return name.removesuffix(INNER_CRATE_SUFFIX) if label.name.endswith(INNER_SUFFIX) else name

def crate_name(name):
    """Gives the crate name that rules_rust derives from a target's name.

    Args:
        name: The name of a target.

    Returns:
        The name of its crate.
    """
    return name.replace("-", "_").replace("/", "_")
