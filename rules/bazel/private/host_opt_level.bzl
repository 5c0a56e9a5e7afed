"""The build setting that chooses how far crates are optimised that only the build itself runs."""

HostOptLevelInfo = provider(
    doc = "How far crates are optimised that are built for the machine that builds.",
    fields = {"level": "str: A level of rustc's `-Copt-level`, or empty for what the configuration says."},
)

_AS_CONFIGURED = "as_configured"

_VALUES = ("0", "1", "2", "3", "s", "z", _AS_CONFIGURED)

def _host_opt_level_setting_impl(ctx):
    value = ctx.build_setting_value
    if value not in _VALUES:
        fail("{} is '{}'; it takes one of {}".format(ctx.label, value, ", ".join(_VALUES)))
    return [HostOptLevelInfo(level = "" if value == _AS_CONFIGURED else value)]

host_opt_level_setting = rule(
    implementation = _host_opt_level_setting_impl,
    doc = "The opt-level of proc macros, of tools that are built through the split, and of all libraries that these are made of, where " +
          "they are built for the build itself: a level of rustc's `-Copt-level`, or `as_configured` for what rules_rust takes from " +
          "`--host_compilation_mode`.",
    build_setting = config.string(flag = True),
)

def opt_level_of(ctx, setting):
    """Finds the opt-level to compile a crate with in place of rules_rust's.

    Args:
        ctx: The aspect's context.
        setting: The HostOptLevelInfo.

    Returns:
        A level of rustc's `-Copt-level`, or the empty string to leave rules_rust's.
    """
    return setting.level if "-exec" in ctx.bin_dir.path else ""
