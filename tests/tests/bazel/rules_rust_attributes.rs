//! The table of rules_rust's attributes in the documents has all that its rules have.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::repository;

/// What every rule of Bazel's has.
const OF_EVERY_RULE: [&str; 22] = [
    "applicable_licenses",
    "aspect_hints",
    "compatible_with",
    "deprecation",
    "exec_compatible_with",
    "exec_properties",
    "expect_failure",
    "features",
    "generator_function",
    "generator_location",
    "generator_name",
    "name",
    "output_licenses",
    "package_metadata",
    "restricted_to",
    "tags",
    "target_compatible_with",
    "testonly",
    "toolchains",
    "transitive_configs",
    "visibility",
    "exec_group_compatible_with",
];

/// The names in the first column of the table.
fn documented() -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(repository().join("docs/rules_rust.md"))?;
    let (_, section) = text.split_once("\n## Attributes of rules_rust\n").context("there is no such section")?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let columns = section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    // `crate_type` of `rust_binary`
    let names = columns.flat_map(|column| column.split(" of ").next().unwrap_or_default().split('`').skip(1).step_by(2));
    Ok(names.map(str::to_owned).collect())
}

#[test]
fn all_are_in_the_table() -> Result<()> {
    let documented = documented()?;
    let ends = End::all();
    let mut known = BTreeSet::new();
    for end in &ends {
        let query = "kind(\"crate_compilation\", //examples/... + //tests/bazel_rules/names/...)";
        let (printed, _) = end.prints(&["query", "--output=streamed_jsonproto", "--proto:default_values", query])?;
        let mut found = BTreeSet::new();
        for line in printed.lines() {
            let target: Value = serde_json::from_str(line)?;
            let names = target["rule"]["attribute"].as_array().into_iter().flatten().filter_map(|attribute| attribute["name"].as_str());
            // The others are the rule's own business.
            found.extend(names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).map(str::to_owned));
        }
        found.retain(|name| !OF_EVERY_RULE.contains(&name.as_str()));
        ensure!(["crate_root", "crate_type", "use_libtest_harness"].iter().all(|name| found.contains(*name)), "{}: {found:?}", end.name);
        let missing: Vec<_> = found.difference(&documented).collect();
        ensure!(missing.is_empty(), "docs/rules_rust.md does not say what these attributes of {} do: {missing:?}", end.name);
        known.extend(found);
    }
    // With the oldest alone, the table has what came later.
    let unknown: Vec<_> = documented.difference(&known).collect();
    ensure!(ends.len() == 1 || unknown.is_empty(), "docs/rules_rust.md has attributes that no rule has: {unknown:?}");
    Ok(())
}
