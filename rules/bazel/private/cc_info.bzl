"""Lets C and C++ targets link an artifact of the split in place of rules_rust's."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")

def _is_library(library, file):
    return file in (
        library.static_library,
        library.pic_static_library,
        library.dynamic_library,
        library.resolved_symlink_dynamic_library,
    )

def replace_library(ctx, cc_toolchain, cc_info, original, artifact):
    """Copies a CcInfo with one library replaced.

    Args:
        ctx: The rule's context.
        cc_toolchain: The CcToolchainInfo.
        cc_info: The CcInfo of a cdylib or staticlib that rules_rust builds.
        original: The library (File) that rules_rust builds.
        artifact: The library (File) to link in its place.

    Returns:
        A CcInfo.
    """
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = cc_toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    linker_inputs = []
    for linker_input in cc_info.linking_context.linker_inputs.to_list():
        if not [library for library in linker_input.libraries if _is_library(library, original)]:
            linker_inputs.append(linker_input)
            continue
        linker_inputs.append(cc_common.create_linker_input(
            owner = ctx.label,
            libraries = depset([
                cc_common.create_library_to_link(
                    actions = ctx.actions,
                    feature_configuration = features,
                    cc_toolchain = cc_toolchain,
                    static_library = artifact if library.static_library else None,
                    pic_static_library = artifact if library.pic_static_library else None,
                    dynamic_library = artifact if library.dynamic_library else None,
                    alwayslink = library.alwayslink,
                ) if _is_library(library, original) else library
                for library in linker_input.libraries
            ]),
            user_link_flags = linker_input.user_link_flags,
            additional_inputs = depset(linker_input.additional_inputs),
        ))
    return CcInfo(
        compilation_context = cc_info.compilation_context,
        linking_context = cc_common.create_linking_context(linker_inputs = depset(linker_inputs, order = "topological")),
    )
