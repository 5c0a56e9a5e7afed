"""Names that the macros, the aspect and the rules must agree on."""

# The target that a macro declares with rules_rust's rule is called as the user's, with this at its end.
INNER_SUFFIX = ".rules_rust"

# Marks a target that stands for the dylib of the one library that it depends on.
DYLIB_TAG = "splitlink-dylib"

# What precedes the crate types, joined by commas, in a tag of a target that is compiled for several.
CRATE_TYPES_TAG_PREFIX = "splitlink-crate-types="

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

def crate_name(name):
    """Gives the crate name that rules_rust derives from a target's name.

    Args:
        name: The name of a target.

    Returns:
        The name of its crate.
    """
    return name.replace("-", "_").replace("/", "_")
