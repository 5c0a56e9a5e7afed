"""The third-party crates of the splitlink tool, fetched by Cargo as Cargo.lock pins them, with BUILD files for rules_rust.

Cargo does the fetching because it knows the user's registries, mirrors and proxies; this file only writes down in Starlark what
`cargo metadata` says.
"""

# The tool runs where actions run, on Linux; its crates are the same on each architecture.
_PLATFORM = "x86_64-unknown-linux-gnu"

_PREAMBLE = """load("@rules_rust//cargo:defs.bzl", "cargo_build_script")
load("@rules_rust//rust:defs.bzl", "rust_library", "rust_proc_macro")

package(default_visibility = ["//visibility:public"])
"""

_SRCS = """    srcs = glob(
        ["{directory}/**/*.rs"],
        allow_empty = True,
    ),
    compile_data = glob(
        ["{directory}/**"],
        exclude = ["{directory}/**/*.rs"],
        allow_empty = True,
    ),
"""

def _find_cargo(rctx):
    """Finds the user's Cargo.

    Args:
        rctx: The repository context.

    Returns:
        Its path.
    """
    named = rctx.getenv("CARGO") if hasattr(rctx, "getenv") else rctx.os.environ.get("CARGO")
    if named:
        return named
    found = rctx.which("cargo")
    if found:
        return found
    fail("\n".join([
        "splitlink: cargo was not found, and it fetches the crates that the splitlink tool is built from.",
        "Possible fixes:",
        "  - put cargo on PATH, or name it: --repo_env=CARGO=/path/to/cargo",
        "  - register a prebuilt splitlink (see splitlink_toolchain in @splitlink//rules/bazel:toolchain.bzl)",
    ]))

def _cargo(rctx, cargo, arguments):
    """Runs Cargo on the tool's manifest.

    Args:
        rctx: The repository context.
        cargo: The path of Cargo.
        arguments: What to run.

    Returns:
        What it prints.
    """
    result = rctx.execute([cargo] + arguments, timeout = 600)
    if result.return_code != 0:
        fail("splitlink: `cargo {}` failed, so the crates of the splitlink tool cannot be had:\n{}".format(
            " ".join(arguments),
            result.stderr,
        ))
    return result.stdout

def _rule(kind, attributes, directory):
    lines = ["{} = {},".format(name, repr(value)) for name, value in attributes.items() if value]
    return "\n{}(\n{}    {}\n)\n".format(kind, _SRCS.format(directory = directory), "\n    ".join(lines))

def _dependencies(node, labels, kind):
    """Sorts the dependencies of a crate.

    Args:
        node: Its node in Cargo's resolved graph.
        labels: A struct of `name`, `proc_macro` and `crate_name` for each package id.
        kind: None for ordinary dependencies, "build" for the build script's.

    Returns:
        A struct of `deps`, `proc_macro_deps` and `aliases`, as attributes of a rule.
    """
    deps, proc_macro_deps, aliases = [], [], {}
    for dep in node["deps"]:
        if kind not in [k["kind"] for k in dep["dep_kinds"]]:
            continue
        label = labels[dep["pkg"]]
        (proc_macro_deps if label.proc_macro else deps).append(":" + label.name)
        if dep["name"] != label.crate_name:
            aliases[":" + label.name] = dep["name"]
    return struct(aliases = aliases, deps = sorted(deps), proc_macro_deps = sorted(proc_macro_deps))

def _relative(path, root):
    return path.removeprefix(root + "/")

def _target(package, kinds):
    for target in package["targets"]:
        if [kind for kind in kinds if kind in target["kind"]]:
            return target
    return None

def _library(package):
    return _target(package, ["lib", "rlib", "proc-macro"])

def _build_file(metadata, root):
    """Writes the BUILD file for all crates.

    Args:
        metadata: What `cargo metadata` says.
        root: The folder of the repository.

    Returns:
        The text.
    """
    members = metadata["workspace_members"]
    packages = {p["id"]: p for p in metadata["packages"] if p["id"] not in members}
    nodes = {n["id"]: n for n in metadata["resolve"]["nodes"]}
    direct = [dep["pkg"] for id in members for dep in nodes[id]["deps"]]
    names = {}
    for package in packages.values():
        names[package["name"]] = names.get(package["name"], 0) + 1
    labels = {}
    for id, package in packages.items():
        library = _library(package)

        # Of two versions of one crate, the one that the tool itself depends on has the plain name.
        plain = names[package["name"]] == 1 or id in direct
        labels[id] = struct(
            crate_name = library["name"].replace("-", "_"),
            name = package["name"] if plain else "{}-{}".format(package["name"], package["version"]),
            proc_macro = "proc-macro" in library["kind"],
        )

    text = _PREAMBLE
    for id in sorted(packages):
        if id not in nodes:
            continue
        text += _crate(packages[id], nodes[id], labels, root)
    return text

def _crate(package, node, labels, root):
    label = labels[package["id"]]
    directory = _relative(package["manifest_path"], root).removesuffix("/Cargo.toml")
    library = _library(package)
    common = {
        "crate_features": node["features"],
        "rustc_flags": ["--cap-lints=allow"],
        "version": package["version"],
    }
    dependencies = _dependencies(node, labels, None)
    text = ""
    script = _target(package, ["custom-build"])
    if script:
        build = _dependencies(node, labels, "build")
        text += _rule("cargo_build_script", common | {
            "aliases": build.aliases,
            "crate_name": "build_script_build",
            "crate_root": _relative(script["src_path"], root),
            "deps": build.deps,
            "edition": script["edition"],
            "name": label.name + "-build-script",
            "proc_macro_deps": build.proc_macro_deps,
        }, directory)
    text += _rule("rust_proc_macro" if label.proc_macro else "rust_library", common | {
        "aliases": dependencies.aliases,
        "crate_name": label.crate_name,
        "crate_root": _relative(library["src_path"], root),
        "deps": dependencies.deps + ([":" + label.name + "-build-script"] if script else []),
        "edition": library["edition"],
        "name": label.name,
        "proc_macro_deps": dependencies.proc_macro_deps,
        "rustc_env": {"CARGO_PKG_NAME": package["name"]},
    }, directory)
    return text

def _crates_repository_impl(rctx):
    cargo = _find_cargo(rctx)

    # A workspace of the tool alone: the crates that only tests need are nobody's business here.
    manifest = rctx.read(rctx.attr.workspace_manifest)
    rctx.file("Cargo.toml", manifest.replace(', "tests"]', "]"))
    rctx.file("Cargo.lock", rctx.read(rctx.attr.lockfile))
    rctx.file("tools/splitlink/Cargo.toml", rctx.read(rctx.attr.manifest))
    rctx.file("tools/splitlink/src/main.rs", "fn main() {}\n")
    rctx.report_progress("fetching the crates of the splitlink tool with cargo")
    rctx.file(".cargo/config.toml", _cargo(rctx, cargo, ["vendor", "--versioned-dirs", "vendor"]))
    metadata = json.decode(_cargo(
        rctx,
        cargo,
        ["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform=" + _PLATFORM],
    ))
    rctx.file("BUILD.bazel", _build_file(metadata, str(rctx.path("."))))

_crates_repository = repository_rule(
    implementation = _crates_repository_impl,
    doc = "The crates that the splitlink tool depends on, a target each.",
    attrs = {
        "lockfile": attr.label(
            doc = "Cargo.lock, which pins their versions and digests.",
            mandatory = True,
        ),
        "manifest": attr.label(
            doc = "Cargo.toml of the tool.",
            mandatory = True,
        ),
        "workspace_manifest": attr.label(
            doc = "Cargo.toml of the workspace.",
            mandatory = True,
        ),
    },
    environ = ["CARGO", "PATH"],
)

def _tool_crates_impl(_mctx):
    _crates_repository(
        name = "splitlink_crates",
        lockfile = Label("//:Cargo.lock"),
        manifest = Label("//tools/splitlink:Cargo.toml"),
        workspace_manifest = Label("//:Cargo.toml"),
    )

tool_crates = module_extension(
    implementation = _tool_crates_impl,
    doc = "Makes the repository `splitlink_crates`: what the splitlink tool is built from, beside its own sources.",
)
