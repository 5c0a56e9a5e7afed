"""The build setting that chooses how Rust crates are linked."""

LinkageInfo = provider(
    doc = "How targets that do not say themselves are linked.",
    fields = {"prefer_dynamic": "bool: Whether dylibs are preferred to rlibs, the standard library's included."},
)

_VALUES = ("static", "dynamic")

def _linkage_setting_impl(ctx):
    value = ctx.build_setting_value
    if value not in _VALUES:
        fail("{} is '{}'; it takes {}".format(ctx.label, value, " or ".join(_VALUES)))
    return [LinkageInfo(prefer_dynamic = value == "dynamic")]

linkage_setting = rule(
    implementation = _linkage_setting_impl,
    doc = "How targets without `prefer_dynamic` are linked: `static` or `dynamic`.",
    build_setting = config.string(flag = True),
)
