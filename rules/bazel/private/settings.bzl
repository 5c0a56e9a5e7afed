"""The build settings of the rules, and what a target is told by them."""

load("//rules/common:lto.bzl", "LTO_MODES")
load(":names.bzl", "public_label", "public_name")

def _chosen(ctx, values):
    """Gives a setting's value, and fails if it is none of `values`."""
    value = ctx.build_setting_value
    if value not in values:
        fail("{} is '{}'; it takes {}".format(ctx.label, value, " or ".join(values)))
    return value

# Flags without a scope do not reach what is built for the machine that builds, from Bazel 10 on.
_SCOPE = {
    "scope": attr.string(
        doc = "How far the flag reaches; `universal`: everywhere, proc macros and tools included.",
        default = "universal",
    ),
}

# --- switches ---

SwitchInfo = provider(
    doc = "Whether something is done that has a build setting.",
    fields = {"enabled": "bool: Whether it is."},
)

def _switch_setting_impl(ctx):
    return [SwitchInfo(enabled = ctx.build_setting_value)]

switch_setting = rule(
    implementation = _switch_setting_impl,
    doc = "A setting that is on or off. Where each is declared it says what for.",
    attrs = _SCOPE,
    build_setting = config.bool(flag = True),
)

# --- fallback ---

FallbackInfo = provider(
    doc = "What becomes of a target that the split cannot build.",
    fields = {"error": "bool: Whether it is an error. Else rules_rust builds it, and that is said."},
)

def _fallback_setting_impl(ctx):
    return [FallbackInfo(error = _chosen(ctx, ["warn", "error"]) == "error")]

fallback_setting = rule(
    implementation = _fallback_setting_impl,
    doc = "What becomes of a target that the split cannot build: `warn`, and rules_rust builds " +
          "it, or `error`.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

def say_fallback(fallback, what, help):
    """Says that rules_rust builds something in place of the split, or fails.

    Args:
        fallback: The FallbackInfo.
        what: What, and why.
        help: What to do.
    """
    message = "splitlink: {}\n  help: {}".format(what, help)
    if fallback.error:
        fail(message + "; --@splitlink//rules/bazel:fallback=warn has rules_rust build it")

    # buildifier: disable=print
    print(message)

# --- linkage ---

LinkageInfo = provider(
    doc = "How targets without `prefer_dynamic` are linked.",
    fields = {"dynamic": "bool: Whether dylibs are preferred to rlibs, the standard library's " +
                         "included."},
)

def _linkage_setting_impl(ctx):
    return [LinkageInfo(dynamic = _chosen(ctx, ["static", "dynamic"]) == "dynamic")]

linkage_setting = rule(
    implementation = _linkage_setting_impl,
    doc = "How targets without `prefer_dynamic` are linked: `static` or `dynamic`.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

# --- linker ---

LINKERS = ["default", "lld", "mold", "wild"]

LinkerInfo = provider(
    doc = "The linker of targets without `linker`.",
    fields = {"name": "str: One of LINKERS."},
)

def _linker_setting_impl(ctx):
    return [LinkerInfo(name = _chosen(ctx, LINKERS))]

linker_setting = rule(
    implementation = _linker_setting_impl,
    doc = "The linker of targets without `linker`: `lld` of the Rust toolchain, `mold` or `wild` " +
          "of the splitlink toolchain or of the search path for programs, or `default`, what " +
          "rustc asks for.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

# --- lto ---

_UNSPECIFIED = "unspecified"

LtoInfo = provider(
    doc = "Link-time optimisation of targets without `lto`.",
    fields = {"mode": "str: `off`, `thin`, `fat`, or `unspecified` for what rules_rust's setting says."},
)

def _lto_setting_impl(ctx):
    return [LtoInfo(mode = _chosen(ctx, LTO_MODES + [_UNSPECIFIED]))]

lto_setting = rule(
    implementation = _lto_setting_impl,
    doc = "Link-time optimisation of targets without `lto`: `off`, `thin`, `fat`, or " +
          "`unspecified` for what rules_rust's setting of this name says.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

# --- lto_cache ---

LtoCacheInfo = provider(
    doc = "Where thin LTO keeps what it made of each module.",
    fields = {"folder": "str: The absolute path of a folder, or empty for none."},
)

def _lto_cache_setting_impl(ctx):
    folder = ctx.build_setting_value
    if folder and not folder.startswith("/"):
        fail(("{} is '{}'; it takes the absolute path of a folder, and sandboxed actions may " +
              "write there with the same path as --sandbox_writable_path").format(ctx.label, folder))
    return [LtoCacheInfo(folder = folder)]

lto_cache_setting = rule(
    implementation = _lto_cache_setting_impl,
    doc = "A folder of this machine, by its absolute path, in which thin LTO keeps what it made " +
          "of each module; later links take from it what has not changed. Empty for none. With " +
          "a folder, links run on this machine only. Sandboxed links write to it only if " +
          "`--sandbox_writable_path` names it.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

# --- split_debug_info ---

SplitDebugInfoInfo = provider(
    doc = "Whether debug information goes into files of its own.",
    fields = {"mode": "str: `on`, `off`, or `fission` for what Bazel's own `--fission` says."},
)

def _split_debug_info_setting_impl(ctx):
    return [SplitDebugInfoInfo(mode = _chosen(ctx, ["fission", "off", "on"]))]

split_debug_info_setting = rule(
    implementation = _split_debug_info_setting_impl,
    doc = "Whether debug information goes into files of its own: `on`, `off`, or `fission` for " +
          "what Bazel's own `--fission` says.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

def is_debug_info_split(setting, fission):
    """Finds whether debug information goes into files of its own.

    Args:
        setting: The SplitDebugInfoInfo.
        fission: The SwitchInfo of what `--fission` says.

    Returns:
        Whether it does.
    """
    return fission.enabled if setting.mode == "fission" else setting.mode == "on"

# --- debug_compression ---

DebugCompressionInfo = provider(
    doc = "How debug information is compressed in a file of its own.",
    fields = {"name": "str: `none`, `zlib` or `zstd`."},
)

def _debug_compression_setting_impl(ctx):
    return [DebugCompressionInfo(name = _chosen(ctx, ["none", "zlib", "zstd"]))]

debug_compression_setting = rule(
    implementation = _debug_compression_setting_impl,
    doc = "How debug information is compressed in a file of its own: `none`, `zlib` or `zstd`.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

# --- first_party ---

FirstPartyInfo = provider(
    doc = "Which libraries are edited, rather than taken from others.",
    fields = {"patterns": "list of structs: The patterns, of which the last that a label matches counts."},
)

def _pattern(setting, text):
    body = text.removeprefix("-")
    package, colon, name = body.removeprefix("//").partition(":")
    recursive = not colon and (package == "..." or package.endswith("/..."))
    if not body.startswith("//") or (colon and not name) or "*" in body.removesuffix(":*"):
        fail("{} has '{}'; it takes //..., //package/..., //package:name and //package:all, with a - before what to leave out".format(setting, text))
    return struct(
        excludes = text.startswith("-"),
        # Of `//package` the target is the package's last word.
        name = "" if recursive or name in ("all", "*") else name or package.split("/")[-1],
        package = package.removesuffix("...").removesuffix("/") if recursive else package,
        recursive = recursive,
    )

def _first_party_setting_impl(ctx):
    return [FirstPartyInfo(patterns = [_pattern(ctx.label, text) for text in ctx.build_setting_value])]

first_party_setting = rule(
    implementation = _first_party_setting_impl,
    doc = "Which libraries are edited, as patterns of labels of the main repository, joined by " +
          "commas: `//...`, `//package/...`, `//package:name`. What is left out by a `-` before a " +
          "pattern is as if it were of another repository.",
    attrs = _SCOPE,
    build_setting = config.string_list(flag = True),
)

# --- built_by_rules_rust ---

BuiltByRulesRustInfo = provider(
    doc = "Which libraries and proc macros rules_rust builds, though the split could.",
    fields = {"names": "dict: The names of their crates, as keys."},
)

def _built_by_rules_rust_setting_impl(ctx):
    return [BuiltByRulesRustInfo(names = {name: True for name in ctx.build_setting_value})]

built_by_rules_rust_setting = rule(
    implementation = _built_by_rules_rust_setting_impl,
    doc = "Which libraries and proc macros rules_rust builds, by the names of their crates, joined " +
          "by commas.",
    attrs = _SCOPE,
    build_setting = config.string_list(flag = True),
)

# --- host_opt_level ---

HostOptLevelInfo = provider(
    doc = "How far crates are optimised that are built for the machine that builds.",
    fields = {
        "level": "str: A level of rustc's `-Copt-level`, or empty for what the configuration says.",
    },
)

_AS_CONFIGURED = "as_configured"

def _host_opt_level_setting_impl(ctx):
    value = _chosen(ctx, ["0", "1", "2", "3", "s", "z", _AS_CONFIGURED])
    return [HostOptLevelInfo(level = "" if value == _AS_CONFIGURED else value)]

host_opt_level_setting = rule(
    implementation = _host_opt_level_setting_impl,
    doc = "The opt-level of crates that are built for the build itself: proc macros, build " +
          "scripts, tools that are built through the split, and all libraries below them. It " +
          "takes a level of rustc's `-Copt-level`, or `as_configured` for the level that rules_rust takes from " +
          "`--host_compilation_mode`.",
    attrs = _SCOPE,
    build_setting = config.string(flag = True),
)

# --- what the settings mean where a target is built ---

def is_exec(ctx):
    """Tells whether a target is built for the machine that builds: a tool or a proc macro.

    Args:
        ctx: The context of a rule or aspect.

    Returns:
        A bool.
    """

    # The folder is called `<cpu or platform>-<mode>-exec`, and more may follow (Bazel 7 to 9,
    # OutputPathMnemonicComputer); a platform's own name may have `-exec` in it.
    folder = ctx.bin_dir.path.split("/")[1]
    return "-{}-exec-".format(ctx.var["COMPILATION_MODE"]) in folder + "-"

def lto_mode_of(ctx, setting, rust):
    """Finds how the LTO is done for which a target is compiled.

    Args:
        ctx: The aspect's context.
        setting: The LtoInfo.
        rust: The rust_toolchain.

    Returns:
        One of LTO_MODES: what the setting says, or else rules_rust's, but always "off" for the
        machine that builds.
    """
    if is_exec(ctx):
        return "off"

    # 0.55 and later have the setting. With `manual`, flags are the user's own.
    theirs = getattr(getattr(rust, "lto", None), "mode", _UNSPECIFIED)
    if theirs not in ("fat", "thin"):
        return "off" if setting.mode == _UNSPECIFIED else setting.mode
    if setting.mode not in (_UNSPECIFIED, theirs):
        fail((
            "{}: lto = \"{}\" (or --@splitlink//rules/bazel:lto) contradicts " +
            "--@rules_rust//rust/settings:lto={}; leave one of them out"
        ).format(public_label(ctx.label), setting.mode, theirs))
    return theirs

def is_first_party(label, setting):
    """Tells whether a library is one that is edited.

    Args:
        label: The library's label.
        setting: The FirstPartyInfo.

    Returns:
        A bool.
    """
    found = False
    if not label.repo_name:
        name = public_name(label.name)
        for pattern in setting.patterns:
            if pattern.recursive:
                matches = pattern.package in ("", label.package) or label.package.startswith(pattern.package + "/")
            else:
                matches = pattern.package == label.package and pattern.name in ("", name)
            if matches:
                found = not pattern.excludes
    return found

def is_built_by_rules_rust(ctx, crate, setting):
    """Tells whether the user leaves a crate to rules_rust.

    Args:
        ctx: The aspect's context.
        crate: The CrateInfo.
        setting: The BuiltByRulesRustInfo.

    Returns:
        A bool. Libraries for the machine that builds are always the split's.
    """
    return crate.name in setting.names and (crate.type == "proc-macro" or not is_exec(ctx))

def opt_level_of(ctx, setting):
    """Finds the opt-level to compile a crate with in place of rules_rust's.

    Args:
        ctx: The aspect's context.
        setting: The HostOptLevelInfo.

    Returns:
        A level of rustc's `-Copt-level`, or the empty string to leave rules_rust's.
    """
    return setting.level if is_exec(ctx) else ""
