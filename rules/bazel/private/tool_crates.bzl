"""The third-party crates of the splitlink tool, fetched with Cargo as Cargo.lock says.

Cargo vendors the sources and resolves features and dependencies. What it says becomes a BUILD file
for each crate.
"""

load(":cargo.bzl", "find_cargo", "run_cargo")

# Where the tool runs. The dependencies and features of all of them are joined.
_PLATFORMS = [
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-gnu",
]

_TOOLS = ["splitlink", "splitlink-lto"]

_BUILD_FILE = """\
load("@rules_rust//cargo:defs.bzl", "cargo_build_script")
load("@rules_rust//rust:defs.bzl", "rust_library", "rust_proc_macro")
load("{rustc_flags}", "TOOL_RUSTC_FLAGS")

package(default_visibility = ["//visibility:public"])

_SOURCES = glob(["**/*.rs"])

# Files that `include_str!` and build scripts may read.
_OTHER_FILES = glob(
    ["**"],
    allow_empty = True,
    exclude = [
        "**/*.rs",
        "**/* *",
        "BUILD.bazel",
    ],
)
"""

# The flags that Cargo gives crates that come from elsewhere.
_FLAGS = ["--cap-lints=allow"]

# As Starlark's text in a BUILD file.
_TOOL_FLAGS = repr(_FLAGS) + " + TOOL_RUSTC_FLAGS"

# Build scripts, proc macros and what only they depend on run once. Optimising them takes longer
# than they run.
_BUILD_TIME_FLAGS = repr(_FLAGS + ["-Copt-level=0"])

_RULE = """
{rule}(
    name = {name},
    srcs = _SOURCES,
    aliases = {aliases},
    compile_data = _OTHER_FILES,
    crate_features = {features},
    crate_name = {crate_name},
    crate_root = {root},
    edition = {edition},
    proc_macro_deps = {proc_macro_deps},
    rustc_flags = {flags},
    version = {version},
    deps = {deps},{more}
)
"""

def _library_target(package):
    """Finds the library or proc macro among a package's targets; None if there is neither."""
    for target in package["targets"]:
        if [kind for kind in target["kind"] if kind in ("lib", "rlib", "proc-macro")]:
            return target
    return None

def _build_script_target(package):
    for target in package["targets"]:
        if "custom-build" in target["kind"]:
            return target
    return None

def _is_proc_macro(package):
    return "proc-macro" in _library_target(package)["kind"]

def _folder(package):
    return "{}-{}".format(package["name"], package["version"])

def _label(package):
    return "//vendor/{}:{}".format(_folder(package), package["name"])

def _dependencies(node, kind, packages):
    """Lists a package's dependencies of one kind, as a rule's attributes.

    Args:
        node: The package's node in Cargo's resolved graph.
        kind: None for ordinary dependencies, "build" for those of the build script.
        packages: All packages by id.

    Returns:
        A struct of the attributes `deps`, `proc_macro_deps` and `aliases`, and of `ids`, the ids of
        the packages.
    """
    found = struct(deps = [], proc_macro_deps = [], aliases = {}, ids = [])
    for dependency in node["deps"]:
        if kind not in [k["kind"] for k in dependency["dep_kinds"]]:
            continue
        package = packages[dependency["pkg"]]
        label = _label(package)
        (found.proc_macro_deps if _is_proc_macro(package) else found.deps).append(label)
        if dependency["name"] != _library_target(package)["name"].replace("-", "_"):
            found.aliases[label] = dependency["name"]
        found.ids.append(dependency["pkg"])
    return found

def _relative(package, path):
    folder = package["manifest_path"].removesuffix("Cargo.toml")
    return path.removeprefix(folder)

def _rule(package, node, target, dependencies, rule, name, flags, deps = [], more = ""):
    return _RULE.format(
        aliases = repr(dependencies.aliases),
        crate_name = repr(target["name"].replace("-", "_")),
        deps = repr(dependencies.deps + deps),
        edition = repr(target["edition"]),
        features = repr(node["features"]),
        flags = flags,
        more = more,
        name = repr(name),
        proc_macro_deps = repr(dependencies.proc_macro_deps),
        root = repr(_relative(package, target["src_path"])),
        rule = rule,
        version = repr(package["version"]),
    )

def _build_script(ctx, package, node, target, dependencies):
    # rules_rust before 0.55 knows only the older form of the lines that a build script prints.
    script = package["manifest_path"].removesuffix("Cargo.toml") + _relative(package, target["src_path"])
    text = ctx.read(script)
    if "\"cargo::" in text:
        ctx.file(script, text.replace("\"cargo::", "\"cargo:"))
    return _rule(
        package,
        node,
        target,
        dependencies,
        "cargo_build_script",
        "build_script",
        _BUILD_TIME_FLAGS,
        more = """
    data = _OTHER_FILES + _SOURCES,
    links = {links},
    pkg_name = {name},""".format(links = repr(package["links"]), name = repr(package["name"])),
    )

def _write_package(ctx, package, node, packages, in_tool):
    """Writes the BUILD file of a crate.

    Args:
        ctx: The repository context.
        package: The package, as `cargo metadata` describes it.
        node: Its node in the resolved graph.
        packages: All packages by id.
        in_tool: Whether the crate becomes a part of the tool. Else a program that runs while the
            tool is built has it inside.
    """
    dependencies = _dependencies(node, None, packages)
    script = _build_script_target(package)
    text = _BUILD_FILE.format(rustc_flags = Label("//tools:rustc_flags.bzl"))
    if script:
        text += _build_script(ctx, package, node, script, _dependencies(node, "build", packages))
    text += _rule(
        package,
        node,
        _library_target(package),
        dependencies,
        "rust_proc_macro" if _is_proc_macro(package) else "rust_library",
        package["name"],
        _TOOL_FLAGS if in_tool else _BUILD_TIME_FLAGS,
        deps = [":build_script"] if script else [],
    )
    ctx.file("vendor/{}/BUILD.bazel".format(_folder(package)), text)

def _reach(start, next):
    """Follows a graph.

    Args:
        start: The nodes to start from.
        next: A dict from a node to those that follow it.

    Returns:
        A dict whose keys are all nodes reached.
    """
    reached = {}
    new = start

    # Starlark has neither recursion nor `while`. There are as many rounds as nodes, which is enough
    # to reach each.
    for _ in next:
        new = [node for node in new if node not in reached]
        reached.update({node: True for node in new})
        new = [following for node in new for following in next[node]]
    return reached

def _crates_repository_impl(ctx):
    manifest = ctx.path(Label("//:Cargo.toml"))
    for label in [
        Label("//:Cargo.lock"),
        Label("//:Cargo.toml"),
        Label("//tools/splitlink:Cargo.toml"),
        Label("//tools/splitlink-lto:Cargo.toml"),
    ]:
        ctx.watch(ctx.path(label))

    cargo = find_cargo(ctx)
    of_tool = ["--locked", "--manifest-path", str(manifest)]
    ctx.report_progress("downloading the crates of the splitlink tool")
    run_cargo(ctx, cargo, ["vendor", "--versioned-dirs"] + of_tool + [str(ctx.path("vendor"))], "download the crates from which the splitlink tool is built")

    # From the vendored sources alone, so the paths are inside this repository.
    metadata = json.decode(run_cargo(ctx, cargo, [
        "metadata",
        "--format-version=1",
        "--offline",
        "--config=source.crates-io.replace-with=\"vendored\"",
        "--config=source.vendored.directory=\"{}\"".format(ctx.path("vendor")),
    ] + ["--filter-platform=" + platform for platform in _PLATFORMS] + of_tool, "resolve the crates from which the splitlink tool is built"))

    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    members = metadata["workspace_members"]
    direct = {
        id: True
        for tool in members
        if packages[tool]["name"] in _TOOLS
        for id in _dependencies(nodes[tool], None, packages).ids
        if id not in members
    }.keys()

    ordinary = {id: _dependencies(node, None, packages).ids for id, node in nodes.items()}
    all = {id: ids + _dependencies(nodes[id], "build", packages).ids for id, ids in ordinary.items()}
    in_tool = _reach(
        [id for id in direct if not _is_proc_macro(packages[id])],
        {id: [other for other in ids if not _is_proc_macro(packages[other])] for id, ids in ordinary.items()},
    )
    reached = _reach(direct, all)
    for id in reached:
        _write_package(ctx, packages[id], nodes[id], packages, id in in_tool)

    # Cargo also vendors what only the tests or other platforms need.
    kept = {_folder(packages[id]): True for id in reached}
    for folder in ctx.path("vendor").readdir():
        if folder.basename not in kept:
            ctx.delete(folder)

    ctx.file("BUILD.bazel", "package(default_visibility = [\"//visibility:public\"])\n" + "".join([
        "\nalias(\n    name = {},\n    actual = {},\n)\n".format(repr(packages[id]["name"]), repr(_label(packages[id])))
        for id in direct
    ]))

_crates_repository = repository_rule(
    implementation = _crates_repository_impl,
    doc = "The third-party crates of the splitlink tool, each in a package of its own, and " +
          "aliases for those that it depends on directly.",
)

def _tool_crates_impl(ctx):
    _crates_repository(name = "splitlink_crates")

    # What the lock file of Cargo pins, that of Bazel need not.
    return ctx.extension_metadata(reproducible = True)

tool_crates = module_extension(
    implementation = _tool_crates_impl,
    doc = "Makes the repository `splitlink_crates`, from which the splitlink tool is built.",
)
