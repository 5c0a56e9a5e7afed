"""What Bazel's own `--fission` says, which rules of others may not ask for."""

load(":settings.bzl", "SwitchInfo")

_MODES = ["fastbuild", "dbg", "opt"]

# The flag names compilation modes in any order; `yes` is all of them.
_LISTS = [[a] for a in _MODES] + [
    [a, b]
    for a in _MODES
    for b in _MODES
    if a != b
] + [
    [a, b, c]
    for a in _MODES
    for b in _MODES
    for c in _MODES
    if a != b and b != c and a != c
]

def _fission_impl(ctx):
    return [SwitchInfo(enabled = ctx.attr.enabled)]

_fission = rule(
    implementation = _fission_impl,
    doc = "Whether `--fission` splits debug information in the compilation mode of the build.",
    attrs = {"enabled": attr.bool(doc = "Whether it does. Default: False.")},
)

def fission(name, **kwargs):
    """Declares a target that says whether `--fission` counts in the compilation mode of the build.

    Args:
        name: The target's name.
        **kwargs: `visibility` and its like.
    """
    conditions = {}
    for modes in _LISTS:
        for mode in modes:
            setting = "{}_{}_in_{}".format(name, "_".join(modes), mode)
            native.config_setting(
                name = setting,
                values = {
                    "compilation_mode": mode,
                    "fission": ",".join(modes),
                },
                visibility = ["//visibility:private"],
            )
            conditions[":" + setting] = True
    _fission(
        name = name,
        enabled = select(conditions | {"//conditions:default": False}),
        **kwargs
    )
