//! A C++ toolchain that comes with the workspace, zig's, where the machine's own compilers are
//! hidden: what links must have all of it among its inputs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use splitlink_tests::real_programs::cache;
use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::{Failure, repository, skip, splitlink, write_program};
use splitlink_tests::zig;

const MODULE: &str = r#"module(name = "hermetic")
bazel_dep(name = "rules_cc", version = "0.0.11")
bazel_dep(name = "rules_rust", version = "0.54.1")
bazel_dep(name = "splitlink")
local_path_override(module_name = "splitlink", path = "@REPOSITORY@")
register_toolchains("//zig:cc", "//:splitlink")
"#;

const BUILD: &str = r#"load("@splitlink//rules/bazel:toolchain.bzl", "splitlink_toolchain")

splitlink_toolchain(name = "prebuilt", splitlink = "splitlink_tool")

toolchain(
    name = "splitlink",
    toolchain = ":prebuilt",
    toolchain_type = "@splitlink//rules/bazel/toolchain:toolchain_type",
)
"#;

const ZIG: &str = r#"load("@rules_cc//cc:defs.bzl", "cc_toolchain")
load(":zig.bzl", "zig_config")

zig_config(name = "config")

# The folder with zig's own libraries is one input.
filegroup(name = "zig", srcs = ["zigcc", "zigar", "ziglang/zig", "ziglang/lib"])

cc_toolchain(
    name = "zig_toolchain",
    all_files = ":zig",
    ar_files = ":zig",
    as_files = ":zig",
    compiler_files = ":zig",
    dwp_files = ":zig",
    linker_files = ":zig",
    objcopy_files = ":zig",
    strip_files = ":zig",
    toolchain_config = ":config",
)

toolchain(
    name = "cc",
    toolchain = ":zig_toolchain",
    toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
)
"#;

const CONFIG: &str = r#"load("@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl", "tool_path")

def _zig_config_impl(ctx):
    tools = {"ar": "zigar", "cpp": "zigcc", "gcc": "zigcc", "gcov": "none", "ld": "zigcc", "nm": "none", "objdump": "none", "strip": "none"}
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        abi_libc_version = "unknown",
        abi_version = "unknown",
        compiler = "zig",
        # clang's own headers, by the name under which the compiler knows them.
        cxx_builtin_include_directories = ["@FOLDER@"],
        host_system_name = "local",
        target_cpu = "k8",
        target_libc = "glibc",
        target_system_name = "local",
        tool_paths = [tool_path(name = name, path = path) for name, path in tools.items()],
        toolchain_identifier = "zig",
    )

zig_config = rule(implementation = _zig_config_impl, provides = [CcToolchainConfigInfo])
"#;

/// zig keeps what it builds of the C library in a folder that the sandbox lets it write to.
const WRAPPER: &str = r#"#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR="@CACHE@" ZIG_LOCAL_CACHE_DIR="@CACHE@"
exec "${0%/*}/ziglang/zig" @COMMAND@ "$@"
"#;

#[test]
fn the_examples_link_with_a_compiler_of_the_workspace() -> Result<(), Failure> {
    let zig = match zig::install() {
        Ok(folder) => folder,
        Err(why) => {
            skip(&format!("no hermetic C++ toolchain: {why}; python3 with pip and its package index enables it"));
            return Ok(());
        }
    };
    for end in End::all() {
        let root = cache()?.join("hermetic_toolchain").join(end.name.replace(' ', "_"));
        let zig_cache = root.with_extension("zig_cache");
        fs::create_dir_all(root.join("zig"))?;
        fs::create_dir_all(&zig_cache)?;
        let fill = |text: &str| {
            text.replace("@REPOSITORY@", &repository().to_string_lossy())
                .replace("@CACHE@", &zig_cache.to_string_lossy())
                .replace("@FOLDER@", &zig.to_string_lossy())
        };
        for (name, text) in [("MODULE.bazel", MODULE), ("BUILD.bazel", BUILD), ("zig/BUILD.bazel", ZIG), ("zig/zig.bzl", CONFIG)] {
            fs::write(root.join(name), fill(text))?;
        }
        for (name, command) in [("zigcc", "cc"), ("zigar", "ar")] {
            write_program(&root.join("zig").join(name), fill(WRAPPER).replace("@COMMAND@", command))?;
        }
        fs::copy(splitlink(), root.join("splitlink_tool"))?;
        if !root.join("zig/ziglang").exists() {
            symlink(zig.join("ziglang"), root.join("zig/ziglang"))?;
        }

        let writable = format!("--sandbox_writable_path={}", zig_cache.display());
        let hidden = ["cc", "c++", "gcc", "g++", "clang", "clang++", "ld", "ld.bfd", "ld.gold", "ld.lld", "lld"];
        let hidden = hidden.iter().map(|name| format!("/usr/bin/{name}")).filter(|path| Path::new(path).exists());
        let mut flags: Vec<String> = hidden.map(|path| format!("--sandbox_block_path={path}")).collect();
        assert!(!flags.is_empty(), "no compiler is hidden");
        flags.extend([writable, "--incompatible_enable_cc_toolchain_resolution".to_owned(), "--spawn_strategy=linux-sandbox".to_owned()]);
        // The worker is sandboxed only where this is asked for; here all runs without.
        flags.extend(["--@splitlink//rules/bazel:worker=false".to_owned(), "--action_env=BAZEL_DO_NOT_DETECT_CPP_TOOLCHAIN=1".to_owned()]);
        // Not Rust over C, which rules_rust's own rules do not link with zig either: they name the library once more after
        // `-Bdynamic`, where zig takes no archive. Of C over Rust the link is zig's own affair.
        let programs = [("hello", "Hello"), ("proc_macro:app", "http server")];
        let label = |name: &str| format!("@splitlink//examples/{name}");
        let targets = ["hello", "proc_macro:app", "c_interop:greeter_shared", "multi_crate_type:engine"].map(label);
        let build: Vec<&str> =
            ["build"].into_iter().chain(flags.iter().map(String::as_str)).chain(targets.iter().map(String::as_str)).collect();
        end.prints_in(&root, &build)?;
        for (name, says) in programs {
            let target = label(name);
            let run: Vec<&str> = ["run"].into_iter().chain(flags.iter().map(String::as_str)).chain([target.as_str()]).collect();
            let (said, _) = end.prints_in(&root, &run)?;
            assert!(said.contains(says), "with {}, {target} says {said:?}", end.name);
        }
        end.prints_in(&root, &["shutdown"])?;
    }
    Ok(())
}
