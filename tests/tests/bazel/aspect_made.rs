//! Crates that an aspect compiles take part in the split.

use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::Failure;

use crate::action_graph::Graph;

const PACKAGE: &str = "//tests/bazel_rules/aspect_made";

#[test]
fn crates_of_an_aspect_take_part() -> Result<(), Failure> {
    for end in End::all() {
        let flags = ["--include_commandline=false", "--//rules/bazel:fallback=error"];
        let graph = Graph::with_end(&end, &format!("{PACKAGE}/..."), &flags);
        let links: Vec<_> = graph.with("SplitlinkLink").collect();
        assert!(links.len() >= 2, "with {}, a program and a test are linked", end.name);
        for link in links {
            for name in ["libanswer-", "libforty-"] {
                let is_it = |input: &&String| input.contains(name) && input.ends_with(".rlib");
                let makers: Vec<_> = link.inputs.iter().filter(is_it).map(|input| graph.made_by(input)).collect();
                assert_eq!(makers, ["Rustc"], "with {}, {:?} is linked with {name}", end.name, link.outputs);
            }
            let asker: Vec<_> = link.inputs.iter().filter(|input| input.contains("libasker-")).map(|input| graph.made_by(input)).collect();
            assert!(asker.iter().all(|maker| *maker == "SplitlinkCodegen"), "with {}: {asker:?}", end.name);
        }
    }
    Ok(())
}
