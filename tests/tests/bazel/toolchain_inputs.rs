//! Actions read of the toolchains, and of build scripts' files, what they need and no more.

use std::collections::HashSet;

use splitlink_tests::rules_rust::End;

use crate::action_graph::{Action, Graph};

const HELLO: &str = "//examples/hello/...";

/// What rustc does not call.
const TOOLS: [&str; 5] = ["bin/cargo", "bin/cargo-clippy", "bin/clippy-driver", "bin/rustdoc", "bin/rustfmt"];

const COMPILING: [&str; 3] = ["SplitlinkMetadata", "SplitlinkCodegen", "SplitlinkNoLink"];

fn split(graph: &Graph) -> impl Iterator<Item = &Action> {
    graph.actions.iter().filter(|action| action.mnemonic == "SplitlinkLink" || COMPILING.contains(&action.mnemonic.as_str()))
}

/// How many inputs the action of rules_rust has that makes a file called `name`.
fn inputs_of_rules_rust(graph: &Graph, name: &str) -> usize {
    let makes = |action: &&Action| action.outputs.iter().any(|output| output.ends_with(&format!("/{name}")));
    graph.with("Rustc").find(makes).unwrap_or_else(|| panic!("rules_rust has no action for {name}")).inputs.len()
}

#[test]
fn at_most_half_of_what_rules_rust_gives() {
    for end in End::all() {
        let graph = Graph::with_end(&end, HELLO, &["--include_commandline=false"]);
        let before = inputs_of_rules_rust(&graph, "hello.rules_rust");
        for mnemonic in ["SplitlinkNoLink", "SplitlinkLink"] {
            let ours: Vec<_> = graph.with(mnemonic).filter(|action| !action.outputs[0].contains("test")).collect();
            let [ours] = ours.as_slice() else { panic!("{} has not one {mnemonic} of hello", end.name) };
            assert!(
                ours.inputs.len() * 2 <= before,
                "with {}, {mnemonic} reads {} files, rules_rust {before}",
                end.name,
                ours.inputs.len()
            );
            assert!(ours.inputs.len() >= 20, "with {}, {mnemonic} reads {} files: is the query right?", end.name, ours.inputs.len());
        }
    }
}

#[test]
fn no_file_comes_twice_and_no_tool_without_need() {
    for end in End::all() {
        let graph = Graph::with_end(&end, HELLO, &["--include_commandline=false"]);
        for action in split(&graph) {
            let mut seen = HashSet::new();
            for input in &action.inputs {
                if let Some((_, inside)) = input.split_once("/lib/rustlib/") {
                    assert!(seen.insert(inside), "with {}, {:?} reads {inside} twice", end.name, action.outputs);
                }
                let in_sysroot = input.contains("rust_toolchains");
                assert!(
                    !(in_sysroot && TOOLS.iter().any(|tool| input.ends_with(tool))),
                    "with {}, {:?} reads {input}",
                    end.name,
                    action.outputs
                );
                assert!(!input.contains("librustc-stable_rt."), "with {}, {:?} reads {input}", end.name, action.outputs);
                let links = action.mnemonic == "SplitlinkLink";
                assert!(!(links && input.contains("libLLVM")), "with {}, {:?} reads {input}", end.name, action.outputs);
            }
            assert!(seen.iter().any(|inside| inside.contains("/libstd-")), "with {}, {:?} reads no libstd", end.name, action.outputs);
        }
        assert!(split(&graph).count() >= 6, "with {}, there are few actions: is the query right?", end.name);
    }
}

/// Each flag brings what it needs to the links.
#[test]
fn a_link_reads_what_its_flags_need() {
    let extra = "--@rules_rust//rust/settings:extra_rustc_flag=";
    for end in End::all() {
        for (flags, needed) in [
            (vec!["--//rules/bazel:lto=thin".to_owned()], ["bin/rust-lld", "/libLLVM"].as_slice()),
            (vec!["--//rules/bazel:lto=fat".to_owned()], &["/libLLVM"]),
            (vec!["--//rules/bazel:linkage=dynamic".to_owned()], &["/libstd-*.so"]),
            (vec![format!("{extra}-Zsanitizer=address")], &["librustc-stable_rt.asan.a"]),
            // rustc does not know this compiler by its name, and calls its own linker through it.
            (
                vec![format!("{extra}-Clinker=tools/cc_wrapper.sh"), format!("{extra}-Clink-arg=-fuse-ld=lld")],
                &["bin/rust-lld", "gcc-ld/ld.lld", "/libLLVM"],
            ),
            (vec![format!("{extra}-Clinker-features=+lld")], &["bin/rust-lld", "gcc-ld/ld.lld", "/libLLVM"]),
        ] {
            let flags: Vec<_> = flags.iter().map(String::as_str).chain(["--include_commandline=false"]).collect();
            let graph = Graph::with_end(&end, "//examples/hello:hello", &flags);
            let links: Vec<_> = graph.with("SplitlinkLink").filter(|action| action.outputs[0].ends_with("/hello")).collect();
            assert!(!links.is_empty(), "with {}, {flags:?} links nothing", end.name);
            for file in needed {
                let (from, to) = file.split_once('*').unwrap_or((file, ""));
                let is_there = |input: &String| input.contains(from) && input.ends_with(to) && input.contains("rust_toolchains");
                assert!(links.iter().all(|link| link.inputs.iter().any(is_there)), "with {}, {flags:?} does not bring {file}", end.name);
            }
        }
    }
}

/// rules_rust gives the files that a build script reads to all dependents, too.
#[test]
fn data_of_a_build_script_is_read_for_its_own_crate_alone() {
    for end in End::all() {
        let graph = Graph::with_end(&end, "//tests/bazel_rules/build_script/...", &["--include_commandline=false"]);
        let reads = |action: &Action| action.inputs.iter().any(|input| input.ends_with("/build_script/answer.c"));
        let readers: Vec<_> = split(&graph).filter(|action| reads(action)).map(|action| action.outputs[0].as_str()).collect();
        let is_own = |output: &&str| output.contains("/built.splitlink/") || output.contains("/built_test");
        assert!(readers.iter().any(is_own), "with {}, the own crate does not read it: is the query right?", end.name);
        let others: Vec<_> = readers.iter().filter(|output| !is_own(output)).collect();
        assert!(others.is_empty(), "with {}, it is read for {others:?}", end.name);
    }
}
