"""`splitlink_rust_toolchain`: the Rust toolchain that compiles libraries in two actions."""

load("//rules/buck2/private:lto.bzl", "LTO_OF_CONFIGURATION")
load("//rules/buck2/private:prelude.bzl", "RustToolchainInfo", "rust_toolchain_attrs")
load("//rules/buck2/private:providers.bzl", "SplitlinkToolchainInfo")
load("//rules/buck2/private:settings.bzl", "is_pipelined", "is_shared")

# Copies the standard library from where rustc says it is, and the linker that rustc brings with the
# LLVM that it needs. link-only takes them from this output, so it can run anywhere.
_COPY_SYSROOT = """
set -e
output=$1 target=$2
shift 2
sysroot=$("$@" --print sysroot)
mkdir -p "$output/lib/rustlib/$target"
cp -rL "$sysroot/lib/rustlib/$target/." "$output/lib/rustlib/$target"
for llvm in "$sysroot"/lib/libLLVM*; do
  [ ! -e "$llvm" ] || cp -L "$llvm" "$output/lib"
done
"""

# Copies the only file of the sysroot that a dynamically linked artifact needs when it runs.
_COPY_STD_DYLIB = """
set -e
dylib=$(echo "$1"/libstd-*.so)
mkdir -p "$4"
cp -L "$dylib" "$2"
cp -L "$dylib" "$4"
printf %s "${dylib##*/}" > "$3"
"""

def _copy_sysroot(ctx: AnalysisContext, base) -> Artifact:
    sysroot = ctx.actions.declare_output("sysroot", dir = True)
    ctx.actions.run(
        cmd_args("sh", "-c", _COPY_SYSROOT, "sh", sysroot.as_output(), base.rustc_target_triple, base.compiler),
        category = "splitlink_sysroot",
        # The base's rustc may be on this machine only.
        local_only = True,
    )
    return sysroot

def _splitlink_rust_toolchain_impl(ctx: AnalysisContext) -> list[Provider]:
    base = ctx.attrs.base[RustToolchainInfo]
    if not base.rustc_target_triple:
        fail("{}: {} does not say for which target it compiles. Set its `rustc_target_triple`.".format(ctx.label, ctx.attrs.base.label))
    if base.nightly_features and not is_pipelined:
        fail(
            ("{}: the configuration splitlink.pipelining is `off`, but {} has `nightly_features`, with which the prelude always compiles a library " +
             "in two actions. Take the setting away, or take a base without `nightly_features`.").format(ctx.label.raw_target(), ctx.attrs.base.label.raw_target()),
        )
    tool = ctx.attrs.splitlink[RunInfo]
    sysroot = base.sysroot_path or _copy_sysroot(ctx, base)
    std_manifest = ctx.actions.declare_output("std_manifest.json")
    ctx.actions.run(
        cmd_args(
            tool,
            "std-manifest",
            cmd_args(base.compiler, format = "--rustc={}"),
            cmd_args(sysroot, format = "--libdir={}/lib/rustlib/" + base.rustc_target_triple + "/lib"),
            cmd_args(std_manifest.as_output(), format = "--output={}"),
        ),
        category = "splitlink_std_manifest",
    )

    std_dylib = ctx.actions.declare_output("libstd.so")
    std_soname = ctx.actions.declare_output("libstd.soname")
    std_directory = ctx.actions.declare_output("std", dir = True)
    ctx.actions.run(
        cmd_args(
            ["sh", "-c", _COPY_STD_DYLIB, "sh"],
            cmd_args(sysroot, format = "{}/lib/rustlib/" + base.rustc_target_triple + "/lib"),
            std_dylib.as_output(),
            std_soname.as_output(),
            std_directory.as_output(),
        ),
        category = "splitlink_std_dylib",
    )

    # With `nightly_features` the prelude compiles a library in two actions, the first with
    # `-Zno-codegen`. `splitlink rustc` does on a stable rustc what that stands for, and by
    # `--stable` it keeps unstable features forbidden where the base forbids them. Without
    # `nightly_features`, the code itself is what the prelude gives no-link as metadata.
    fields = {name: getattr(base, name) for name in rust_toolchain_attrs}
    fields["nightly_features"] = is_pipelined
    fields["advanced_unstable_linking"] = False
    if ctx.attrs._lto != "off":
        # rustc then writes bitcode in place of machine code. These flags come after a target's own.
        fields["extra_rustc_flags"] = base.extra_rustc_flags + ["-Clinker-plugin-lto"]
    fields["doctests"] = base.doctests and base.nightly_features
    options = [] if base.nightly_features else ["--stable"]
    if is_shared:
        # Buck2 tells every action which build it is run for, by this variable, and has that
        # build's event log open until the command ends: `<time>_build_<name>_events.pb.zst`.
        options += ["--share-within=BUCK_BUILD_ID", "--share-while-open=_{}_events."]
    fields["compiler"] = RunInfo(args = cmd_args(tool, "rustc", options, "--", base.compiler))
    return [
        DefaultInfo(sub_targets = {
            "std_manifest": [DefaultInfo(default_output = std_manifest)],
            "sysroot": [DefaultInfo(default_output = sysroot)],
        }),
        RustToolchainInfo(**fields),
        SplitlinkToolchainInfo(
            tool = tool,
            lto_engine = ctx.attrs.lto_engine[RunInfo],
            rustc = base.compiler,
            unstable = base.nightly_features,
            sysroot = sysroot,
            std_manifest = std_manifest,
            std_dylib = std_dylib,
            std_soname = std_soname,
            std_directory = std_directory,
            lto = ctx.attrs._lto,
        ),
    ]

splitlink_rust_toolchain = rule(
    doc = "A Rust toolchain that compiles every `rust_library` in two actions, one for its " +
          "metadata and one for its code, and with which the rules of `defs.bzl` link. With " +
          "`splitlink.pipelining=off` in the configuration, one action compiles a library. The " +
          "base stays as it is: stable if it was.",
    impl = _splitlink_rust_toolchain_impl,
    attrs = {
        "base": attrs.toolchain_dep(
            providers = [RustToolchainInfo],
            doc = "The Rust toolchain, a `system_rust_toolchain` for instance. It must have a " +
                  "`rustc_target_triple`. Mandatory.",
        ),
        "splitlink": attrs.exec_dep(
            providers = [RunInfo],
            default = "//:splitlink",
            doc = "The tool `splitlink`, a `prebuilt_splitlink` for instance. Default: the " +
                  "target that builds it from source, by the `cargo` on the PATH.",
        ),
        "lto_engine": attrs.exec_dep(
            providers = [RunInfo],
            default = "//:splitlink-lto",
            doc = "The engine of fat and of distributed thin LTO, `splitlink-lto`, a " +
                  "`prebuilt_splitlink` for instance. It must be made with the LLVM of the " +
                  "toolchain. It is built only if a target asks for one of these. Default: the " +
                  "target that builds it from source, by the `cargo` on the PATH.",
        ),
        "_lto": attrs.default_only(attrs.string(default = LTO_OF_CONFIGURATION)),
    },
    is_toolchain_rule = True,
)
