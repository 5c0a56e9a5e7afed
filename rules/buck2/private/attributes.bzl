"""The attributes that the rules have and their namesakes in the prelude have not."""

load(":providers.bzl", "DylibInfo")

def _setting(name: str, values: list[str]) -> str:
    value = read_root_config("splitlink", name, values[0])
    if value not in values:
        fail("the configuration splitlink.{} is `{}`; it takes {}".format(name, value, " or ".join(values)))
    return value

# `-c splitlink.linkage=dynamic`, or the same in .buckconfig.
is_linkage_dynamic = _setting("linkage", ["static", "dynamic"]) == "dynamic"

LTO_MODES = ["off", "thin", "fat"]

# `-c splitlink.lto=fat`, for targets without `lto`.
default_lto = _setting("lto", LTO_MODES)

# `-c splitlink.pipelining=off`: a library is compiled by one action, and its dependents wait for its code. `shared`: one rustc for both actions.
_pipelining = _setting("pipelining", ["on", "off", "shared"])
is_pipelined = _pipelining != "off"
is_shared = _pipelining == "shared"

LINKED_ATTRS = {
    "dylibs": attrs.list(
        attrs.dep(providers = [DylibInfo]),
        default = [],
        doc = "`rust_dylib` targets that the target may be linked with, in place of their crates' rlibs; it is where dylibs are preferred.",
    ),
    "prefer_dynamic": attrs.option(
        attrs.bool(),
        default = None,
        doc = "Whether dylibs are preferred to rlibs, the standard library's included. Default: what `splitlink.linkage` in the " +
              "configuration says (`-c splitlink.linkage=dynamic`), which leaves a target with LTO static.",
    ),
}
