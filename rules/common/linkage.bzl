"""Static or dynamic linking, as the rules of Bazel and of Buck2 choose it."""

def prefers_dynamic(asked, setting, lto):
    """Tells whether a target is linked with dylibs where it can be.

    Args:
        asked: The target's own `prefer_dynamic`: True or False, or None to follow the setting.
        setting: Whether the build's setting is `dynamic` (bool).
        lto: The target's mode of LTO, one of LTO_MODES.

    Returns:
        A bool.
    """
    if asked != None:
        return asked

    # The setting is for all targets, for fast links while developing; targets with LTO are for
    # release, so it leaves their dependencies static.
    return setting and lto == "off"
