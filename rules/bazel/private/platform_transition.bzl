"""The transition behind the `platform` attribute."""

_PLATFORMS = "//command_line_option:platforms"

def _platform_transition_impl(settings, attr):
    if not attr.platform:
        return {_PLATFORMS: settings[_PLATFORMS]}
    platform = str(attr.platform)

    # With --noincompatible_unambiguous_label_stringification a label of the main repository lacks its @.
    return {_PLATFORMS: platform if platform.startswith("@") else "@" + platform}

platform_transition = transition(
    implementation = _platform_transition_impl,
    inputs = [_PLATFORMS],
    outputs = [_PLATFORMS],
)
