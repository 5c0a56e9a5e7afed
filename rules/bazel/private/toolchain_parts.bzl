"""Parts the files of the toolchains into those that compiling reads and those that linking reads."""

load(":toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")

ToolchainPartsInfo = provider(
    doc = "The files of the Rust and the C++ toolchain, parted once for all crates of a configuration.",
    fields = {
        "cc": "dict: its keys are the files of the C++ toolchain, which only linking reads.",
        "compile": "depset[File]: what rustc reads: itself, its libraries, the standard library.",
        "link": "depset[File]: the standard library, as a link reads it.",
        "linker": "depset[File]: the toolchain's own linker.",
        "llvm": "depset[File]: LLVM, which that linker and LTO run on.",
        "rust": "dict: its keys are the files of the Rust toolchain.",
        "rustc": "File: which rustc they belong to, or None.",
        "sanitizers": "depset[File]: the runtime libraries of sanitizers.",
        "sysroot": "str: which sysroot they belong to.",
    },
)

_RUSTLIB = "/lib/rustlib/"

# Tools that come with rustc, and that rustc does not call.
_TOOLS = ("cargo", "cargo-clippy", "clippy-driver", "rustdoc", "rustfmt")

def _part(toolchains):
    """Parts the toolchains' files.

    Args:
        toolchains: What `find_toolchains` returned.

    Returns:
        A ToolchainPartsInfo.
    """
    cc = {f: True for f in toolchains.cc.all_files.to_list()} if toolchains.cc else {}
    rust = toolchains.rust
    if not rust:
        return ToolchainPartsInfo(rust = {}, cc = cc, rustc = None, sysroot = "", **{
            part: depset()
            for part in ("compile", "link", "linker", "llvm", "sanitizers")
        })

    # rules_rust 0.65 and later count the C++ toolchain's files among them.
    files = {f: True for f in rust.all_files.to_list() if f not in cc}
    paths = {f.path: True for f in files}
    compile = []
    link = []
    linker = []
    llvm = []
    sanitizers = []
    for file in files:
        # The standard library comes twice, as it is and as a link in the sysroot that rules_rust makes.
        if "{}/lib/{}".format(rust.sysroot, file.path.partition("/lib/")[2]) in paths and not file.path.startswith(rust.sysroot + "/"):
            continue
        inside = file.path.rpartition(_RUSTLIB)[2] if _RUSTLIB in file.path else ""
        if file.basename.startswith("libLLVM"):
            compile.append(file)
            llvm.append(file)
        elif "/bin/" in inside or file == getattr(rust, "linker", None):
            linker.append(file)
        elif inside and "_rt." in file.basename and file.basename.startswith("librustc"):
            sanitizers.append(file)
        elif inside and not inside.startswith("src/") and "/codegen-backends/" not in inside:
            compile.append(file)

            # The standard library's dylib is an input where the link may take it.
            if file.extension != "rmeta" and not is_std_dylib(file):
                link.append(file)
        elif file.basename not in _TOOLS:
            compile.append(file)
    return ToolchainPartsInfo(
        cc = cc,
        compile = depset(compile),
        link = depset(link),
        linker = depset(linker),
        llvm = depset(llvm),
        rust = files,
        rustc = rust.rustc,
        sanitizers = depset(sanitizers),
        sysroot = rust.sysroot,
    )

def is_std_dylib(file):
    """Tells whether a file is the standard library's dylib.

    Args:
        file: A file of the Rust toolchain.

    Returns:
        A bool.
    """
    return _RUSTLIB in file.path and file.basename.startswith("libstd-") and file.extension == "so"

def toolchain_parts(ctx, toolchains):
    """Finds how the toolchains' files are parted.

    Args:
        ctx: The context of an aspect with the attribute `_toolchain_parts`.
        toolchains: What `find_toolchains` returned.

    Returns:
        A ToolchainPartsInfo.
    """
    parts = ctx.attr._toolchain_parts[ToolchainPartsInfo]

    # A target may run on another execution platform than others, with other toolchains.
    if parts.rustc == toolchains.rust.rustc and parts.sysroot == toolchains.rust.sysroot:
        return parts
    return _part(toolchains)

# Each of them, among rustc's flags, asks for the linker of the toolchain itself.
_ASKS_FOR_RUST_LLD = ("rust-lld", "gcc-ld", "gnu-lld", "link-self-contained=+linker", "link-self-contained=y", "linker-features=+lld")

# rustc knows these compilers by their names, and leaves it to them which linker they call.
_COMPILERS = ("clang", "clang++", "g++", "gcc")

def _leaves_linker_to(name):
    # `x86_64-linux-gnu-gcc-12` and `clang.sh` are known, too (rustc's infer_linker_hints).
    stem = name.rpartition("/")[2].partition(".")[0]
    if stem.rpartition("-")[2].isdigit():
        stem = stem.rpartition("-")[0]
    return stem.rpartition("-")[2] in _COMPILERS

def linker_parts(rust, parts, argv, lto):
    """Decides what a link needs of the toolchain's own linker and of LLVM.

    Args:
        rust: The rust_toolchain.
        parts: What `toolchain_parts` returned.
        argv: The arguments of rustc.
        lto: The mode of LTO, one of LTO_MODES.

    Returns:
        A list of depsets of File.
    """
    flags = "\n".join(argv)
    asked = [sign for sign in _ASKS_FOR_RUST_LLD if sign in flags]

    # 1.90 and newer call it by default for x86_64.
    linkers = [
        arg.partition("linker=")[2]
        for arg in argv
        if arg.removeprefix("--codegen=").removeprefix("-C").startswith("linker=")
    ]
    by_default = rust.target_arch == "x86_64" and (
        not linkers or
        "linker-flavor=" in flags or
        bool([linker for linker in linkers if not _leaves_linker_to(linker)])
    )

    # A compiler takes the last of several.
    named_other = "-fuse-ld=" in flags and "-fuse-ld=lld" not in flags
    if lto == "thin" or asked or (by_default and not named_other):
        return [parts.linker, parts.llvm]
    return [parts.llvm] if lto == "fat" else []

def _toolchain_parts_impl(ctx):
    return [_part(find_toolchains(ctx))]

toolchain_parts_target = rule(
    implementation = _toolchain_parts_impl,
    doc = "Parts the files of the toolchains of its configuration.",
    provides = [ToolchainPartsInfo],
    toolchains = SPLIT_TOOLCHAINS,
)
