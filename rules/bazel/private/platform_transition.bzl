"""The transition behind the attributes `platform` and `lto`."""

_PLATFORMS = "//command_line_option:platforms"
_LTO = str(Label("//rules/bazel:lto"))

def _platform_transition_impl(settings, attr):
    # LTO needs everything below the target compiled for it.
    lto = attr.lto or settings[_LTO]
    if not attr.platform:
        return {_LTO: lto, _PLATFORMS: settings[_PLATFORMS]}
    platform = str(attr.platform)

    # With --noincompatible_unambiguous_label_stringification, a label of the main repository lacks
    # its @.
    return {_LTO: lto, _PLATFORMS: platform if platform.startswith("@") else "@" + platform}

platform_transition = transition(
    implementation = _platform_transition_impl,
    inputs = [_LTO, _PLATFORMS],
    outputs = [_LTO, _PLATFORMS],
)
