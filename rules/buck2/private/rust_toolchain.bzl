"""The Rust toolchain by which libraries are compiled in two actions."""

load(":attributes.bzl", "is_pipelined", "is_shared")
load(":lto.bzl", "LTO_OF_CONFIGURATION")
load(":prelude.bzl", "RustToolchainInfo", "rust_toolchain_attrs")
load(":providers.bzl", "SplitlinkToolchainInfo")

# rustc says where its standard library is; what is linked then comes from an output, so that the action that links can run anywhere. The
# linker that rustc brings needs its LLVM.
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

# What is linked with it needs nothing else of the sysroot when it runs.
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
        # The toolchain may be one that is only on this machine.
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

    # The prelude compiles libraries in two actions if it may use `-Zno-codegen`. It may, and gets by `splitlink rustc` what that stands
    # for; a toolchain that had no unstable features has none of them now. Else no-link gets by the name of metadata the code itself.
    fields = {name: getattr(base, name) for name in rust_toolchain_attrs}
    fields["nightly_features"] = is_pipelined
    fields["advanced_unstable_linking"] = False
    if ctx.attrs._lto != "off":
        # Bitcode in place of machine code, also where a target's own flags come later.
        fields["extra_rustc_flags"] = base.extra_rustc_flags + ["-Clinker-plugin-lto"]
    fields["doctests"] = base.doctests and base.nightly_features
    options = [] if base.nightly_features else ["--stable"]
    if is_shared:
        # Buck2 gives every action the name of the build that it is run for.
        options.append("--share-within=BUCK_BUILD_ID")
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
    doc = "A Rust toolchain by which every `rust_library` is compiled in two actions, one for its metadata and one for its code (unless the " +
          "configuration says `splitlink.pipelining=off`), and by which the rules of `defs.bzl` link. The base stays as it is: stable if it was.",
    impl = _splitlink_rust_toolchain_impl,
    attrs = {
        "base": attrs.toolchain_dep(
            providers = [RustToolchainInfo],
            doc = "The Rust toolchain, a `system_rust_toolchain` for instance.",
        ),
        "splitlink": attrs.exec_dep(
            providers = [RunInfo],
            default = "//:splitlink",
            doc = "The tool: a `prebuilt_splitlink`. Default: built from source by the `cargo` on the PATH.",
        ),
        "lto_engine": attrs.exec_dep(
            providers = [RunInfo],
            default = "//:splitlink-lto",
            doc = "The engine of fat LTO, made with the same LLVM as the toolchain's: a `prebuilt_splitlink`. It is built only if a target asks for " +
                  "fat LTO. Default: built from source by the `cargo` on the PATH.",
        ),
        "_lto": attrs.default_only(attrs.string(default = LTO_OF_CONFIGURATION)),
    },
    is_toolchain_rule = True,
)
