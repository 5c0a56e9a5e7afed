"""Parts the inputs of rules_rust's action into those of compiling and those of linking."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_rust//rust:defs.bzl", "rust_common")
load("//rules/bazel/private:toolchain_parts.bzl", "linker_parts")
load(":arguments.bzl", "command_line")

_LIBRARY_EXTENSIONS = ("a", "lib", "lo", "o", "so")

def _is_native_library(file):
    return file.extension in _LIBRARY_EXTENSIONS or _is_shared_library(file)

def _is_shared_library(file):
    return file.extension == "so" or ".so." in file.basename

def _runtime_libraries(ctx, cc_toolchain):
    """Collects the C++ runtime libraries, which only a linker reads.

    Args:
        ctx: The aspect's context.
        cc_toolchain: The CcToolchainInfo, or None.

    Returns:
        A dict with those files as keys.
    """
    if not cc_toolchain:
        return {}
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = cc_toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    return {f: True for f in depset(transitive = [
        cc_toolchain.dynamic_runtime_lib(feature_configuration = features),
        cc_toolchain.static_runtime_lib(feature_configuration = features),
    ]).to_list()}

def _native_files(target):
    """Collects the files of cc_library, which only a linker reads.

    Args:
        target: The target of the crate.

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
    return files

def _named_by_linker_flags(ctx, argv):
    """Finds the files that the user's own compiler flags name to the linker.

    Args:
        ctx: The aspect's context.
        argv: The command of rules_rust's action (list of string).

    Returns:
        A struct of `directories` (a dict whose keys are the folders in which libraries are
        searched) and `text` (all linker flags).
    """
    if not getattr(ctx.rule.attr, "rustc_flags", None):
        return struct(directories = {}, text = "")
    directories = {}
    flags = []
    previous = ""
    for arg in argv:
        if previous == "-L":
            directories[arg.rpartition("=")[2]] = True
        elif arg.startswith("-L") and not arg.startswith("-Ldependency="):
            directories[arg[2:].rpartition("=")[2]] = True
        elif "link-arg" in arg:
            flags.append(arg)
        previous = arg
    return struct(directories = directories, text = "\n".join(flags))

def _data_of_other_build_scripts(target, crate):
    """Collects what build scripts of dependencies read, which rules_rust gives to dependents, too.

    Args:
        target: The target of the crate.
        crate: The target's CrateInfo.

    Returns:
        A dict whose keys are files that the crate's own compilation does not read.
    """
    deps = crate.deps if type(crate.deps) == "list" else crate.deps.to_list()
    own_infos = [dep.build_info for dep in deps if dep.build_info]
    own_flags = {info.flags: True for info in own_infos}
    info = target[rust_common.dep_info]
    data = depset(transitive = [
        build_info.compile_data
        for build_info in info.transitive_build_infos.to_list()
        if build_info.compile_data and build_info.flags and build_info.flags not in own_flags
    ]).to_list()
    if not data:
        return {}
    needed = {f: True for f in depset(transitive = [
        build_info.compile_data
        for build_info in own_infos
        if build_info.compile_data
    ] + [info.transitive_proc_macro_data]).to_list()}

    # A library among them may be linked.
    return {f: True for f in data if f not in needed and not _is_native_library(f)}

def library_inputs(target, ctx, crate, files, replaced, exchanged, parts):
    """Decides which inputs of rules_rust's action a library needs, which is not linked.

    Args:
        target: The target of the crate.
        ctx: The aspect's context.
        crate: The CrateInfo of a library.
        files: The inputs (list of File) of the action with which rules_rust compiles it.
        replaced: What `crate_set.known` returned: the files that the split replaces with its own.
        exchanged: Which of the inputs have others in their place: a list of structs of `old` and
            `new` (File).
        parts: What `toolchain_parts` returned.

    Returns:
        A depset of File.
    """
    own_files = _own_files(ctx, crate)
    others = _data_of_other_build_scripts(target, crate)
    return depset(
        [
            f
            for f in files
            if f not in replaced and (f in own_files or not (f in parts.rust or f in parts.cc or f in others))
        ] + [pair.new for pair in exchanged if pair.old not in others],
        transitive = [parts.compile],
    )

def _own_files(ctx, crate):
    return {f: True for f in depset(
        getattr(ctx.rule.files, "data", []),
        transitive = [crate.srcs, crate.compile_data],
    ).to_list()}

def part_inputs(target, ctx, crate, action, files, replaced, toolchains, parts, lto):
    """Decides which inputs of rules_rust's action compiling needs, and which linking.

    Args:
        target: The target of the crate.
        ctx: The aspect's context.
        crate: The CrateInfo of a crate that is linked.
        action: The action with which rules_rust compiles and links it.
        files: Its inputs (list of File).
        replaced: What `crate_set.known` returned: the files that the split replaces with its own.
        toolchains: What `find_toolchains` returned.
        parts: What `toolchain_parts` returned.
        lto: The mode of LTO, one of LTO_MODES.

    Returns:
        A struct of `compile` and `link`, both depsets of File, without the files in `replaced`, of
        `lld`, the toolchain's own one (depset of File), of `run_path_dirs`, the folders (list of
        string) to which rules_rust may give run paths, and of `path_mapping`, whether the link
        finds all files if Bazel maps their paths.
    """
    runtime_libraries = _runtime_libraries(ctx, toolchains.cc)
    native_files = _native_files(target)
    crates = {f: True for f in target[rust_common.dep_info].transitive_crate_outputs.to_list()}
    own_files = _own_files(ctx, crate)
    linker_script = getattr(ctx.rule.file, "linker_script", None)
    argv = command_line(action)
    named = _named_by_linker_flags(ctx, argv)
    others = _data_of_other_build_scripts(target, crate)

    compile_inputs = []
    link_inputs = []
    for file in files:
        if file in replaced:
            # A build script's OUT_DIR may hold libraries.
            new = replaced[file]
            if new and file not in others:
                compile_inputs.append(new)
                if new.is_directory:
                    link_inputs.append(new)
            continue
        if file == linker_script:
            link_inputs.append(file)
        elif file in own_files:
            compile_inputs.append(file)
            if file.path in named.text or (_is_native_library(file) and file.dirname in named.directories):
                link_inputs.append(file)
        elif (
            file in parts.cc or
            file in runtime_libraries or
            file in native_files or
            (file.owner == ctx.label and _is_native_library(file))
        ):
            # Those that the target itself makes are the objects of linkstamps, and links to
            # libraries that share a name.
            link_inputs.append(file)
        elif file not in parts.rust and file not in others:
            compile_inputs.append(file)

            # That of a build script, again. A crate that the split does not replace is a proc macro.
            if file.is_directory or (_is_native_library(file) and file not in crates):
                link_inputs.append(file)
    shared = [f for f in native_files.keys() + toolchains.rust.rust_std.to_list() if _is_shared_library(f)]
    sanitizers = [parts.sanitizers] if [arg for arg in argv if "sanitizer" in arg] else []
    return struct(
        compile = depset(compile_inputs, transitive = [parts.compile] + sanitizers),
        link = depset(
            link_inputs,
            transitive = [parts.link] + sanitizers + linker_parts(toolchains.rust, parts, argv, lto),
        ),
        lld = depset(transitive = [parts.linker, parts.llvm]),
        path_mapping = _is_path_mapped(ctx, link_inputs, argv, action.env),
        run_path_dirs = {file.dirname: True for file in shared}.keys(),
    )

def _is_path_mapped(ctx, link_inputs, argv, env):
    """Whether a crate can be linked if Bazel maps the paths of the action's inputs.

    The plan is text, which Bazel does not map. So it must name no file that was built, but crates
    and the toolchain, which link-only finds by its own arguments.

    Args:
        ctx: The aspect's context.
        link_inputs: What else it is linked from (list of File).
        argv: The command of rules_rust's action (list of string).
        env: That action's environment (dict).

    Returns:
        A bool.
    """
    built = ctx.bin_dir.path.partition("/")[0] + "/"
    return not (
        [file for file in link_inputs if not file.is_source] or
        [arg for arg in argv if built in arg and ("link-arg" in arg or "linker=" in arg)] or
        [value for value in env.values() if built in value]
    )
