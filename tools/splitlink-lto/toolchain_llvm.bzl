"""The LLVM of the Rust toolchain, as a library to link."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("@rules_rust//rust:defs.bzl", "rust_common")

_RUST = Label("@rules_rust//rust:toolchain_type")

def _toolchain_llvm_impl(ctx):
    for file in ctx.toolchains[_RUST].all_files.to_list():
        if file.basename.startswith("libLLVM.so."):
            linker_input = cc_common.create_linker_input(
                owner = ctx.label,
                additional_inputs = depset([file]),
                user_link_flags = depset([file.path]),
            )
            cc_info = CcInfo(linking_context = cc_common.create_linking_context(linker_inputs = depset([linker_input])))
            return [rust_common.crate_group_info(dep_variant_infos = depset([rust_common.dep_variant_info(
                build_info = None,
                cc_info = cc_info,
                crate_group_info = None,
                crate_info = None,
                dep_info = None,
            )]))]
    fail("the Rust toolchain has no libLLVM.so.*, which the engine of fat LTO is linked with; Rust's own toolchains for Linux have one")

toolchain_llvm = rule(
    implementation = _toolchain_llvm_impl,
    doc = """The shared library of LLVM that the Rust toolchain's compiler uses, for programs that read its bitcode.

It is a group that holds one native library: among `deps`, rules_rust 0.71 and later warn of a `CcInfo`, and older ones have
no `link_deps`.
""",
    provides = [rust_common.crate_group_info],
    toolchains = [_RUST],
)
