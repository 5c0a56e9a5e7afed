"""Everything that the rules take from the prelude, and a check that it is there.

The prelude documents none of it as public. If this file fails to load, the prelude is too old or
too new for these rules; docs/buck2.md says which fit.
"""

load("@prelude//:artifact_tset.bzl", _ArtifactTSet = "ArtifactTSet")
load("@prelude//:resources.bzl", _ResourceInfo = "ResourceInfo", _create_resource_db = "create_resource_db", _gather_resources = "gather_resources")
load("@prelude//cxx:cxx_library_utility.bzl", _cxx_attr_deps = "cxx_attr_deps")
load("@prelude//cxx:cxx_link_utility.bzl", _executable_shared_lib_arguments = "executable_shared_lib_arguments", _make_link_args = "make_link_args")
load("@prelude//cxx:linker.bzl", _get_shared_library_name_linker_flags = "get_shared_library_name_linker_flags")
load("@prelude//decls:rust_rules.bzl", _rust_rules = "rust_rules")
load("@prelude//linking:link_groups.bzl", _merge_link_group_lib_info = "merge_link_group_lib_info")
load("@prelude//linking:link_info.bzl", _Archive = "Archive", _ArchiveLinkable = "ArchiveLinkable", _LibOutputStyle = "LibOutputStyle", _LinkArgs = "LinkArgs", _LinkInfo = "LinkInfo", _LinkInfos = "LinkInfos", _LinkStrategy = "LinkStrategy", _LinkedObject = "LinkedObject", _MergedLinkInfo = "MergedLinkInfo", _SharedLibLinkable = "SharedLibLinkable", _create_merged_link_info = "create_merged_link_info", _get_lib_output_style = "get_lib_output_style", _get_link_args_for_strategy = "get_link_args_for_strategy", _process_link_strategy_for_pic_behavior = "process_link_strategy_for_pic_behavior")
load("@prelude//linking:linkable_graph.bzl", _create_linkable_graph = "create_linkable_graph", _create_linkable_graph_node = "create_linkable_graph_node", _create_linkable_node = "create_linkable_node")
load("@prelude//linking:shared_libraries.bzl", _SharedLibraries = "SharedLibraries", _create_shlib = "create_shlib", _create_shlib_from_ctx = "create_shlib_from_ctx", _merge_shared_libraries = "merge_shared_libraries", _traverse_shared_library_info = "traverse_shared_library_info")
load("@prelude//linking:types.bzl", _Linkage = "Linkage")
load("@prelude//os_lookup:defs.bzl", _OsLookup = "OsLookup")
load("@prelude//rust:build.bzl", _crate_root = "crate_root", _generate_rustdoc = "generate_rustdoc", _process_env = "process_env", _rust_compile = "rust_compile")
load("@prelude//rust:build_params.bzl", _Emit = "Emit", _LinkageLang = "LinkageLang", _MetadataKind = "MetadataKind", _RuleType = "RuleType", _build_params = "build_params")
load("@prelude//rust:context.bzl", _compile_context = "compile_context")
load("@prelude//rust:crate_name.bzl", _CrateName = "CrateName")
load("@prelude//rust:extern.bzl", _extern_arg = "extern_arg")
load("@prelude//rust:link_info.bzl", _DEFAULT_STATIC_LIB_OUTPUT_STYLE = "DEFAULT_STATIC_LIB_OUTPUT_STYLE", _DEFAULT_STATIC_LINK_STRATEGY = "DEFAULT_STATIC_LINK_STRATEGY", _RustArtifact = "RustArtifact", _RustExportedLinkDeps = "RustExportedLinkDeps", _RustLinkInfo = "RustLinkInfo", _RustLinkStrategyInfo = "RustLinkStrategyInfo", _RustLinkableGraphs = "RustLinkableGraphs", _RustNativeLinkDeps = "RustNativeLinkDeps", _TransitiveDeps = "TransitiveDeps", _attr_crate = "attr_crate", _attr_simple_crate_for_filenames = "attr_simple_crate_for_filenames", _dfs_dedupe_by_label = "dfs_dedupe_by_label", _get_available_proc_macros = "get_available_proc_macros", _inherited_exported_link_deps = "inherited_exported_link_deps", _inherited_external_debug_info = "inherited_external_debug_info", _inherited_link_group_lib_infos = "inherited_link_group_lib_infos", _inherited_linkable_graphs = "inherited_linkable_graphs", _inherited_merged_link_infos = "inherited_merged_link_infos", _inherited_shared_libs = "inherited_shared_libs", _normalize_crate = "normalize_crate", _resolve_deps = "resolve_deps", _resolve_rust_deps = "resolve_rust_deps", _strategy_info = "strategy_info")
load("@prelude//rust:outputs.bzl", _RustcExtraOutputsInfo = "RustcExtraOutputsInfo", _output_as_diag_subtargets = "output_as_diag_subtargets")
load("@prelude//rust:proc_macro_alias.bzl", _rust_proc_macro_alias = "rust_proc_macro_alias")
load("@prelude//rust:resources.bzl", _rust_attr_resources = "rust_attr_resources")
load("@prelude//rust:rust_toolchain.bzl", _RustToolchainInfo = "RustToolchainInfo", _rust_toolchain_attrs = "rust_toolchain_attrs")
load("@prelude//rust/rust-analyzer:provider.bzl", _rust_analyzer_provider = "rust_analyzer_provider")
load("@prelude//test:inject_test_run_info.bzl", _inject_test_run_info = "inject_test_run_info")
load("@prelude//tests:re_utils.bzl", _get_re_executors_from_props = "get_re_executors_from_props")
load("@prelude//third-party:providers.bzl", _third_party_build_info = "third_party_build_info")
load("@prelude//utils:argfile.bzl", _at_argfile = "at_argfile")
load("@prelude//utils:utils.bzl", _flatten_dict = "flatten_dict")

_HELP = "The rules were tried with Buck2 and its bundled prelude of August 2026. Is this prelude older, then take a newer Buck2, or update " + \
        "the prelude in your project. Is it newer, then take a newer splitlink."

def _check(kind: str, found: list[str], needed: list[str]):
    missing = ["`{}`".format(name) for name in needed if name not in found]
    if missing:
        fail("splitlink's rules do not fit this prelude: its {} lacks {}. {}".format(kind, ", ".join(missing), _HELP))

# A missing name fails in its load statement above. These checks find what would otherwise fail only
# when something is built.
_check("RustToolchainInfo", _rust_toolchain_attrs.keys(), [
    "compiler",
    "doctests",
    "extra_rustc_flags",
    "nightly_features",
    "rustc_target_triple",
    "sysroot_path",
])
_check("Emit", _Emit.values(), ["clippy", "expand", "metadata-fast"])
_check("LinkStrategy", _LinkStrategy.values(), ["shared", "static", "static_pic"])
_check("MetadataKind", _MetadataKind.values(), ["full", "link"])
_check("rust_binary", _rust_rules.rust_binary.attrs.keys(), ["_rust_toolchain", "_target_os_type", "deps", "edition", "env", "link_style", "resources", "rustc_flags"])
_check("rust_library", _rust_rules.rust_library.attrs.keys(), ["_rust_toolchain", "_target_os_type", "deps", "edition", "env", "link_whole", "resources", "rustc_flags"])
_check("rust_test", _rust_rules.rust_test.attrs.keys(), ["_rust_toolchain", "contacts", "default_roots", "framework", "labels", "run_env"])

# Types have the prelude's names.
Archive = _Archive  # buildifier: disable=name-conventions
ArchiveLinkable = _ArchiveLinkable  # buildifier: disable=name-conventions
ArtifactTSet = _ArtifactTSet  # buildifier: disable=name-conventions
CrateName = _CrateName  # buildifier: disable=name-conventions
DEFAULT_STATIC_LIB_OUTPUT_STYLE = _DEFAULT_STATIC_LIB_OUTPUT_STYLE
DEFAULT_STATIC_LINK_STRATEGY = _DEFAULT_STATIC_LINK_STRATEGY
Emit = _Emit  # buildifier: disable=name-conventions
LibOutputStyle = _LibOutputStyle  # buildifier: disable=name-conventions
LinkArgs = _LinkArgs  # buildifier: disable=name-conventions
LinkInfo = _LinkInfo
LinkInfos = _LinkInfos  # buildifier: disable=name-conventions
LinkStrategy = _LinkStrategy  # buildifier: disable=name-conventions
Linkage = _Linkage  # buildifier: disable=name-conventions
LinkageLang = _LinkageLang  # buildifier: disable=name-conventions
LinkedObject = _LinkedObject  # buildifier: disable=name-conventions
MergedLinkInfo = _MergedLinkInfo
MetadataKind = _MetadataKind  # buildifier: disable=name-conventions
OsLookup = _OsLookup  # buildifier: disable=name-conventions
ResourceInfo = _ResourceInfo
RuleType = _RuleType  # buildifier: disable=name-conventions
RustArtifact = _RustArtifact  # buildifier: disable=name-conventions
RustExportedLinkDeps = _RustExportedLinkDeps  # buildifier: disable=name-conventions
RustLinkInfo = _RustLinkInfo
RustLinkStrategyInfo = _RustLinkStrategyInfo
RustLinkableGraphs = _RustLinkableGraphs  # buildifier: disable=name-conventions
RustNativeLinkDeps = _RustNativeLinkDeps  # buildifier: disable=name-conventions
RustToolchainInfo = _RustToolchainInfo
RustcExtraOutputsInfo = _RustcExtraOutputsInfo
SharedLibLinkable = _SharedLibLinkable  # buildifier: disable=name-conventions
SharedLibraries = _SharedLibraries  # buildifier: disable=name-conventions
TransitiveDeps = _TransitiveDeps  # buildifier: disable=name-conventions
at_argfile = _at_argfile
attr_crate = _attr_crate
attr_simple_crate_for_filenames = _attr_simple_crate_for_filenames
build_params = _build_params
compile_context = _compile_context
crate_root = _crate_root
create_linkable_graph = _create_linkable_graph
create_linkable_graph_node = _create_linkable_graph_node
create_linkable_node = _create_linkable_node
create_merged_link_info = _create_merged_link_info
create_resource_db = _create_resource_db
create_shlib = _create_shlib
create_shlib_from_ctx = _create_shlib_from_ctx
cxx_attr_deps = _cxx_attr_deps
dfs_dedupe_by_label = _dfs_dedupe_by_label
executable_shared_lib_arguments = _executable_shared_lib_arguments
extern_arg = _extern_arg
flatten_dict = _flatten_dict
gather_resources = _gather_resources
generate_rustdoc = _generate_rustdoc
get_available_proc_macros = _get_available_proc_macros
get_lib_output_style = _get_lib_output_style
get_link_args_for_strategy = _get_link_args_for_strategy
get_re_executors_from_props = _get_re_executors_from_props
get_shared_library_name_linker_flags = _get_shared_library_name_linker_flags
inherited_exported_link_deps = _inherited_exported_link_deps
inherited_external_debug_info = _inherited_external_debug_info
inherited_link_group_lib_infos = _inherited_link_group_lib_infos
inherited_linkable_graphs = _inherited_linkable_graphs
inherited_merged_link_infos = _inherited_merged_link_infos
inherited_shared_libs = _inherited_shared_libs
inject_test_run_info = _inject_test_run_info
make_link_args = _make_link_args
merge_link_group_lib_info = _merge_link_group_lib_info
merge_shared_libraries = _merge_shared_libraries
normalize_crate = _normalize_crate
output_as_diag_subtargets = _output_as_diag_subtargets
process_env = _process_env
process_link_strategy_for_pic_behavior = _process_link_strategy_for_pic_behavior
resolve_deps = _resolve_deps
resolve_rust_deps = _resolve_rust_deps
rust_analyzer_provider = _rust_analyzer_provider
rust_attr_resources = _rust_attr_resources
rust_compile = _rust_compile
rust_proc_macro_alias = _rust_proc_macro_alias
rust_rules = _rust_rules
rust_toolchain_attrs = _rust_toolchain_attrs
strategy_info = _strategy_info
third_party_build_info = _third_party_build_info
traverse_shared_library_info = _traverse_shared_library_info
