//! With Bazel: linking another way recompiles nothing, and gives the same program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Deserializer, Value};
use splitlink_tests::rustc_fixture::elf;

const PROGRAM: &str = "//examples/dynamic_dev";

fn bazel(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository");
    let output = Command::new(root.join("dev/bazel")).args(args).current_dir(root).output().expect("dev/bazel starts");
    assert!(output.status.success(), "bazel {args:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Builds the program with the linkage `linkage` and returns the mnemonics of what Bazel ran for
/// it, from its execution log.
fn build(linkage: &str, log: &Path) -> BTreeSet<String> {
    let flag = format!("--//rules/bazel:linkage={linkage}");
    bazel(&["build", PROGRAM, &flag, "--output_groups=+report", &format!("--execution_log_json_file={}", log.display())]);
    let log = std::fs::read_to_string(log).expect("Bazel writes its execution log");
    let spawns = Deserializer::from_str(&log).into_iter::<Value>().map(|spawn| spawn.expect("the log is JSON"));
    spawns.map(|spawn| spawn["mnemonic"].as_str().expect("a spawn has a mnemonic").to_owned()).collect()
}

fn built(file: &str) -> PathBuf {
    let bin = String::from_utf8(bazel(&["info", "bazel-bin"]).stdout).expect("UTF-8");
    Path::new(bin.trim()).join("examples/dynamic_dev").join(file)
}

#[test]
fn another_linkage_recompiles_nothing() {
    let log = std::env::temp_dir().join(format!("splitlink-linkage-{}.json", std::process::id()));
    // The dylibs' own plans too, for which rustc sees an empty crate: a build of everything makes
    // them.
    bazel(&["build", "//examples/dynamic_dev/..."]);
    build("static", &log);
    let mut printed = Vec::new();
    for linkage in ["dynamic", "static", "dynamic"] {
        let ran = build(linkage, &log);
        assert_eq!(ran, BTreeSet::from(["SplitlinkLink".to_owned()]), "turning to {linkage}");

        let program = built("dynamic_dev");
        let facts = elf::describe(&program).expect("the program is an ELF file");
        let needs = |name| facts.iter().any(|fact| fact.starts_with(&format!("needed {name}-")));
        assert_eq!(["libjourney", "libunits", "libstd"].map(needs), [linkage == "dynamic"; 3], "{linkage}: {facts:#?}");

        let report = std::fs::read_to_string(built("dynamic_dev.splitlink/report.json")).expect("there is a report");
        assert_eq!(report.contains("\"dynamic\""), linkage == "dynamic", "{report}");
        let report: Value = serde_json::from_str(&report).expect("the report is JSON");
        let crates = report["artifacts"][0]["crates"].as_array().expect("it lists crates");
        let named = |label: &str| crates.iter().find(|found| found["label"] == label).expect("a crate has the label of its target");
        assert_eq!(named("//examples/dynamic_dev:units")["version"], "0.4.0");
        assert!(named("//examples/dynamic_dev:journey")["version"].is_null(), "one without a version has one");

        let output = Command::new(&program).output().expect("the program starts");
        assert!(output.status.success(), "{output:?}");
        printed.push(output.stdout);
    }
    assert!(printed.iter().all(|text| *text == printed[0] && !text.is_empty()), "{printed:?}");
    std::fs::remove_file(log).expect("the log can be removed");
}
