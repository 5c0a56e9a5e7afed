//! Queries and test filters find each target once, under rules_rust's rule classes.

use std::collections::BTreeSet;

use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::Failure;

const PACKAGE: &str = "//tests/bazel_rules/names/...";

fn found(end: &End, query: &str) -> Result<BTreeSet<String>, Failure> {
    Ok(end.prints(&["query", query])?.0.lines().map(str::to_owned).collect())
}

#[test]
fn queries_find_the_published_targets() -> Result<(), Failure> {
    let names = |names: &[&str]| names.iter().map(|name| format!("//tests/bazel_rules/names:{name}")).collect::<BTreeSet<_>>();
    let tests = names(&["printed_test", "suite_suite/one", "suite_suite/two"]);
    let programs = names(&["crate-named", "grouped-root", "hyphen-named", "partly-selected", "selected"]);
    for end in End::all() {
        // 0.70 and later put `_test` behind the names of a suite's tests, and so do the rules.
        let plain = |found: BTreeSet<String>| -> BTreeSet<String> {
            let ours = found.into_iter().filter(|label| !label.contains("rules_rust_suite"));
            ours.map(|label| if label.contains("suite_") { label.trim_end_matches("_test").to_owned() } else { label }).collect()
        };
        assert_eq!(plain(found(&end, &format!("tests({PACKAGE})"))?), tests, "{}", end.name);
        assert_eq!(plain(found(&end, &format!("kind(\"rust_test rule\", {PACKAGE})"))?), tests, "{}", end.name);
        assert_eq!(found(&end, &format!("kind(\"rust_binary rule\", {PACKAGE})"))?, programs, "{}", end.name);
    }
    Ok(())
}

#[test]
fn a_suite_names_its_tests_as_rules_rust_does() -> Result<(), Failure> {
    for end in End::all() {
        let ours = found(&end, "tests(//tests/bazel_rules/names:suite)")?;
        let theirs: BTreeSet<_> = found(&end, "tests(//tests/bazel_rules/names:rules_rust_suite)")?
            .iter()
            .map(|label| label.replace("rules_rust_", ""))
            .collect();
        assert_eq!(ours, theirs, "{}", end.name);
        assert_eq!(ours.len(), 2, "{}", end.name);
    }
    Ok(())
}

#[test]
fn filters_find_the_published_targets() -> Result<(), Failure> {
    for end in End::all() {
        for (args, analysed) in [
            (["--build_tests_only", "--test_lang_filters=rust", PACKAGE].as_slice(), "Analyzed 3 targets"),
            (
                &["--compile_one_dependency", "tests/bazel_rules/names/printed_test.rs"],
                "Analyzed target //tests/bazel_rules/names:printed_test (",
            ),
        ] {
            let (_, said) = end.prints(&[&["build", "--nobuild"], args].concat())?;
            assert!(said.contains(analysed), "with {}, {args:?} does not say `{analysed}`:\n{said}", end.name);
        }
    }
    Ok(())
}
