"""The settings of the rules, which the configuration (`.buckconfig` or `-c`) holds."""

load("//rules/common:lto.bzl", "LTO_MODES")

def _setting(name: str, values: list[str]) -> str:
    value = read_root_config("splitlink", name, values[0])
    if value not in values:
        fail("the configuration splitlink.{} is `{}`; it takes {}".format(name, value, " or ".join(values)))
    return value

# `splitlink.auditable`: whether programs and shared libraries have a list of the packages that are
# linked into them, for `cargo audit bin`. Default: off.
is_auditable = _setting("auditable", ["off", "on"]) == "on"

# `splitlink.crates_io`: the packages whose libraries are of crates.io and are called NAME-VERSION, as
# Reindeer calls them; joined by commas, each with its cell (`root//third-party`). Default: none.
crates_io = [package.strip() for package in read_root_config("splitlink", "crates_io", "").split(",") if package.strip()]

# `splitlink.linkage`: how targets without `prefer_dynamic` are linked. Default: static.
is_linkage_dynamic = _setting("linkage", ["static", "dynamic"]) == "dynamic"

# `splitlink.linker`: the linker of targets without `linker`. Default: what rustc asks for.
LINKERS = ["default", "lld", "mold", "wild"]
default_linker = _setting("linker", LINKERS)

# `splitlink.lto`: link-time optimisation of targets without `lto`. Default: off.
default_lto = _setting("lto", LTO_MODES)

# `splitlink.lto_distributed`: whether thin LTO is done by actions of their own, one for each crate.
# Default: off, by the action that links, but for targets with `enable_distributed_thinlto`.
is_lto_distributed = _setting("lto_distributed", ["off", "on"]) == "on"

# `splitlink.pipelining`: whether two actions compile a library, so that dependents need not wait
# for its code. With `shared` one rustc serves both actions. Default: on.
_pipelining = _setting("pipelining", ["on", "off", "shared"])
is_pipelined = _pipelining != "off"
is_shared = _pipelining == "shared"

# `splitlink.report_times`: whether a link report has how long the phases of the link took, which makes
# it another one each time. Default: off.
has_report_times = _setting("report_times", ["off", "on"]) == "on"
