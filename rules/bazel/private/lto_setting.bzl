"""The build setting that chooses link-time optimisation."""

LtoInfo = provider(
    doc = "How link-time optimisation is done.",
    fields = {"mode": "str: `off`, `thin` or `fat`."},
)

LTO_MODES = ("off", "thin", "fat")

def _lto_setting_impl(ctx):
    value = ctx.build_setting_value
    if value not in LTO_MODES:
        fail("{} is '{}'; it takes {}".format(ctx.label, value, " or ".join(LTO_MODES)))
    return [LtoInfo(mode = value)]

lto_setting = rule(
    implementation = _lto_setting_impl,
    doc = "Link-time optimisation of targets without `lto`: `off`, `thin` or `fat`.",
    build_setting = config.string(flag = True),
)

def is_lto_configuration(ctx, mode):
    """Tells whether crates are compiled for LTO where a target is built.

    Args:
        ctx: The aspect's context.
        mode: What the setting says.

    Returns:
        A bool; tools and proc macros, which are built for the machine that builds, go without.
    """
    return mode != "off" and "-exec" not in ctx.bin_dir.path
