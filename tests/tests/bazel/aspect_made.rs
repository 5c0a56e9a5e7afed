//! Crates that an aspect compiles take part in the split.

use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::Failure;

use crate::action_graph::Graph;

const PACKAGE: &str = "//tests/bazel_rules/aspect_made";

/// The setting that crates need which the generated ones share with others.
const SETTING: &str = "--//rules/bazel:built_by_rules_rust=below,runtime";

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

/// Those that a generated crate uses are rules_rust's for all, where the user says so.
#[test]
fn crates_that_these_share_with_others() -> Result<(), Failure> {
    let program = format!("{PACKAGE}:with_runtime");
    for end in End::all() {
        let unique = format!("--define=asked_by={}", std::process::id());
        let output = end.bazel()?.args(["build", "--nobuild", &unique, "--//rules/bazel:fallback=error", &program]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let help = format!("help: set {};", SETTING.replace("//rules", "@splitlink//rules"));
        assert!(!output.status.success() && said.contains(&help), "with {}: {said}", end.name);

        let flags = ["--include_commandline=false", "--//rules/bazel:fallback=error", SETTING];
        let graph = Graph::with_end(&end, &program, &flags);
        let links: Vec<_> = graph.with("SplitlinkLink").collect();
        assert_eq!(links.len(), 1, "with {}", end.name);
        let maker = |name: &str| -> Vec<_> {
            let is_it = |input: &&String| input.contains(name) && input.ends_with(".rlib");
            links[0].inputs.iter().filter(is_it).map(|input| graph.made_by(input)).collect()
        };
        for (name, expected) in [("libbelow-", "Rustc"), ("libruntime-", "Rustc"), ("libseven-", "Rustc"), ("libuser-", "SplitlinkCodegen")]
        {
            assert_eq!(maker(name), [expected], "with {}: {name}", end.name);
        }
    }
    let (printed, _) = End::OLDEST.prints(&["run", "--//rules/bazel:fallback=error", SETTING, &program])?;
    assert_eq!(printed, "7 8\n");
    Ok(())
}
