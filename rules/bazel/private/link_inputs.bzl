"""Parts the inputs of an action that compiles and links into those of one that compiles and those of one that links."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_rust//rust:defs.bzl", "rust_common")

_LIBRARY_EXTENSIONS = ("a", "lib", "lo", "o", "so")

def _is_native_library(file):
    return file.extension in _LIBRARY_EXTENSIONS or ".so." in file.basename

def _links(file):
    """Tells whether a file of the Rust toolchain takes part in linking.

    Args:
        file: A file of the Rust toolchain.

    Returns:
        Whether the standard library, the linker or the linker's LLVM is in it.
    """
    if file.basename.startswith("libLLVM"):
        return True
    if "/lib/rustlib/" not in file.path or "/codegen-backends/" in file.path:
        return False
    if "/bin/" in file.path.rpartition("/lib/rustlib/")[2]:
        return file.basename in ("lld", "rust-lld", "rust-objcopy") or "/gcc-ld/" in file.path
    return file.extension != "rmeta"

def _native_files(target, ctx, cc_toolchain):
    """Collects what only a linker reads: what cc_library and the C++ toolchain bring.

    Args:
        target: The target of the crate.
        ctx: The aspect's context.
        cc_toolchain: The CcToolchainInfo, or None.

    Returns:
        A dict with those files as keys.
    """
    files = {}
    for linker_input in target[rust_common.dep_info].transitive_noncrates.to_list():
        for library in linker_input.libraries:
            for file in (
                library.static_library,
                library.pic_static_library,
                library.dynamic_library,
                library.resolved_symlink_dynamic_library,
                library.interface_library,
                library.resolved_symlink_interface_library,
            ):
                if file:
                    files[file] = True
        for file in linker_input.additional_inputs:
            files[file] = True
    if cc_toolchain:
        features = cc_common.configure_features(
            ctx = ctx,
            cc_toolchain = cc_toolchain,
            requested_features = ctx.features,
            unsupported_features = ctx.disabled_features,
        )
        for file in depset(transitive = [
            cc_toolchain.all_files,
            cc_toolchain.dynamic_runtime_lib(feature_configuration = features),
            cc_toolchain.static_runtime_lib(feature_configuration = features),
        ]).to_list():
            files[file] = True
    return files

def _named_by_linker_flags(ctx, action):
    """Makes a test for files that the user's own compiler flags name to the linker.

    Args:
        ctx: The aspect's context.
        action: The action with which rules_rust builds the crate.

    Returns:
        A struct of `directories` (dict) in which libraries are searched, and `text`, which holds all linker flags.
    """
    if not getattr(ctx.rule.attr, "rustc_flags", None):
        return struct(directories = {}, text = "")
    directories = {}
    flags = []
    previous = ""
    for arg in action.argv:
        if previous == "-L":
            directories[arg.rpartition("=")[2]] = True
        elif arg.startswith("-L") and not arg.startswith("-Ldependency="):
            directories[arg[2:].rpartition("=")[2]] = True
        elif "link-arg" in arg:
            flags.append(arg)
        previous = arg
    return struct(directories = directories, text = "\n".join(flags))

def part_inputs(target, ctx, crate, action, replaced, toolchains):
    """Decides which inputs of rules_rust's action a crate's compilation needs and which its linking.

    Args:
        target: The target of the crate.
        ctx: The aspect's context.
        crate: The CrateInfo of a crate that is linked.
        action: The action with which rules_rust compiles and links it.
        replaced: A dict whose keys are the files that the split replaces with its own.
        toolchains: What `find_toolchains` returned.

    Returns:
        A struct of `compile` and `link`, both lists of File, without the files in `replaced`.
    """
    rust_files = {f: True for f in toolchains.rust.all_files.to_list()}
    native_files = _native_files(target, ctx, toolchains.cc)
    crates = {f: True for f in target[rust_common.dep_info].transitive_crate_outputs.to_list()}
    own_files = {f: True for f in depset(
        getattr(ctx.rule.files, "data", []),
        transitive = [crate.srcs, crate.compile_data],
    ).to_list()}
    linker_script = getattr(ctx.rule.file, "linker_script", None)
    named = _named_by_linker_flags(ctx, action)

    compile_inputs = []
    link_inputs = []
    for file in action.inputs.to_list():
        if file in replaced:
            continue
        if file in rust_files:
            compile_inputs.append(file)
            if _links(file):
                link_inputs.append(file)
        elif file == linker_script:
            link_inputs.append(file)
        elif file in own_files:
            compile_inputs.append(file)
            if file.path in named.text or (_is_native_library(file) and file.dirname in named.directories):
                link_inputs.append(file)
        elif file in native_files or (file.owner == ctx.label and _is_native_library(file)):
            # The target's own are the objects of linkstamps and links to libraries that share a name.
            link_inputs.append(file)
        else:
            compile_inputs.append(file)

            # A build script's OUT_DIR may hold libraries. A crate that the split does not replace is a proc macro.
            if file.is_directory or (_is_native_library(file) and file not in crates):
                link_inputs.append(file)
    return struct(compile = compile_inputs, link = link_inputs)
