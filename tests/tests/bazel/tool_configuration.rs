//! A user's transition that sets a flag of his own builds no tool once more.

use std::fs;

use splitlink_tests::real_programs::cache;
use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::{Failure, repository, splitlink, write_program};

use crate::action_graph::Graph;

const MODULE: &str = r#"module(name = "users")
bazel_dep(name = "rules_rust", version = "0.54.1")
bazel_dep(name = "splitlink")
local_path_override(module_name = "splitlink", path = "@REPOSITORY@")

tool = use_extension("@splitlink//rules/bazel:extensions.bzl", "cargo_tool")
use_repo(tool, "splitlink_by_cargo")
register_toolchains("@splitlink_by_cargo//:toolchain")
"#;

const RULES: &str = r#"
def _flag_impl(_ctx):
    return []

users_flag = rule(implementation = _flag_impl, build_setting = config.string(flag = True))

def _transition_impl(_settings, attr):
    return {"//:flag": attr.value}

_users_transition = transition(implementation = _transition_impl, inputs = [], outputs = ["//:flag"])

def _flagged_impl(ctx):
    return [DefaultInfo(files = depset(ctx.files.program))]

flagged = rule(
    implementation = _flagged_impl,
    attrs = {
        "program": attr.label(),
        "value": attr.string(),
        "_allowlist_function_transition": attr.label(default = "@bazel_tools//tools/allowlists/function_transition_allowlist"),
    },
    cfg = _users_transition,
)
"#;

const BUILD: &str = r#"load("@splitlink//rules/bazel:defs.bzl", "rust_binary")
load(":rules.bzl", "flagged", "users_flag")

users_flag(name = "flag", build_setting_default = "")

rust_binary(name = "program", srcs = ["main.rs"], edition = "2021")

[flagged(name = value, program = ":program", value = value) for value in ["one", "two"]]
"#;

/// Stands in for Cargo where that builds the tool: here it is the one that is tested.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = build ] || exec cargo "$@"
for argument; do
  case $argument in --target-dir=*) target=${argument#*=} ;; esac
done
mkdir -p "$target/release" && cp "@TOOL@" "$target/release/splitlink"
"#;

#[test]
fn a_file_that_cargo_built_serves_every_configuration() -> Result<(), Failure> {
    for end in End::all() {
        let root = cache()?.join("tool_configuration").join(end.name.replace(' ', "_"));
        fs::create_dir_all(&root)?;
        let fill =
            |text: &str| text.replace("@REPOSITORY@", &repository().to_string_lossy()).replace("@TOOL@", &splitlink().to_string_lossy());
        for (name, text) in [("MODULE.bazel", MODULE), ("rules.bzl", RULES), ("BUILD.bazel", BUILD), ("main.rs", "fn main() {}\n")] {
            fs::write(root.join(name), fill(text))?;
        }
        let cargo = root.join("cargo.sh");
        write_program(&cargo, fill(CARGO))?;
        let cargo = format!("--repo_env=CARGO={}", cargo.display());

        let graph = Graph::in_workspace(&end, &root, "//:program + //:one + //:two", &[&cargo]);
        let links: Vec<_> = graph.with("SplitlinkLink").collect();
        assert_eq!(links.len(), 3, "with {}, each configuration has a program", end.name);
        for link in links {
            let tools: Vec<_> = link.inputs.iter().filter(|input| input.ends_with("/splitlink")).collect();
            assert_eq!(tools.len(), 1, "with {}: {tools:?}", end.name);
            assert!(tools[0].starts_with("external/") && link.arguments[0] == *tools[0], "with {}: {tools:?}", end.name);
            // The engine of fat LTO is a target as ever, which nothing here asks for.
            let of_tool = |path: &String| path.contains("/tools/splitlink");
            let before = graph.before(link, |_| false);
            assert!(before.len() >= 2, "with {}, a link waits for nothing: is the query right?", end.name);
            let of_tool: Vec<_> = before.iter().filter(|action| action.outputs.iter().any(of_tool)).map(|action| &action.outputs).collect();
            assert!(of_tool.is_empty(), "with {}, the tool is built by Bazel as well: {of_tool:?}", end.name);
        }

        // It is the file that Cargo wrote.
        let program = end.prints_in(&root, &["run", &cargo, "//:program"])?;
        assert!(program.1.contains("Build completed successfully"), "with {}: {}", end.name, program.1);
        end.prints_in(&root, &["shutdown"])?;
    }
    Ok(())
}
