//! With a real Buck2: every crate type, linked statically and dynamically, without LTO and with
//! each mode of it, against C that is linked statically and dynamically.
//! `tests/buck2_workspace/everything` has the targets.

use serde_json::Value;
use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::tools::Failure;
use std::collections::BTreeSet;

const LTO: [&str; 3] = ["off", "thin", "fat"];
const LINKAGES: [&str; 2] = ["static", "dynamic"];

/// How the artifact `crate_type` of a report is linked with the crate whose name is `name`.
fn linkage<'a>(report: &'a Value, crate_type: &str, name: &str) -> &'a str {
    let artifacts = report["artifacts"].as_array().expect("a list");
    let artifact = artifacts.iter().find(|artifact| artifact["crate_type"] == crate_type).expect(crate_type);
    let mut crates = artifact["crates"].as_array().expect("a list").iter();
    let of_that_name = |found: &&Value| found["crate"].as_str().is_some_and(|id| id.split('-').next() == Some(name));
    crates.find(of_that_name).unwrap_or_else(|| panic!("{name}: {artifact:#}"))["linkage"].as_str().expect("a string")
}

/// The crate types of each run of LTO in a report, which are all of one mode.
fn groups(report: &Value, mode: &str) -> Vec<Vec<String>> {
    let runs = report["lto"].as_array().expect("a list");
    assert!(runs.iter().all(|run| run["mode"] == mode), "{report:#}");
    let names =
        |run: &Value| run["crate_types"].as_array().expect("a list").iter().map(|name| name.as_str().expect("a name").to_owned()).collect();
    runs.iter().map(names).collect()
}

#[test]
fn every_crate_type() -> Result<(), Failure> {
    let Some(project) = Project::new("crate_types")? else { return Ok(()) };
    let all = project.tests("root//everything/...")?;
    assert_eq!(all.len(), LTO.len() * LINKAGES.len() * 4, "{all:?}");
    let built: BTreeSet<String> = LTO.iter().flat_map(|lto| LINKAGES.map(|linkage| format!("_{lto}_{linkage}"))).collect();
    assert!(built.iter().all(|variant| all.iter().any(|test| test.ends_with(&format!("test{variant}")))), "{all:?}");
    assert_eq!(project.passed("root//everything/...", &[])?, all);

    for lto in LTO {
        for preferred in LINKAGES {
            let report = |name: &str| project.json(&format!("root//everything:{name}_{lto}_{preferred}"), "report");
            for (name, crate_type) in [("app", "bin"), ("test", "bin"), ("cdylib", "cdylib")] {
                let report = report(name)?;
                assert_eq!(linkage(&report, crate_type, "std"), preferred, "{name} {lto}: {report:#}");
                assert_eq!(linkage(&report, crate_type, "words"), "static", "{name} {lto}: {report:#}");
                let numbers = if lto == "off" { preferred } else { "static" };
                assert_eq!(linkage(&report, crate_type, "numbers"), numbers, "{name} {lto}: {report:#}");
                let runs: &[&[&str]] = if lto == "off" { &[] } else { &[&[crate_type]] };
                assert_eq!(groups(&report, lto), runs, "{name} {lto} {preferred}");
            }
            assert_eq!(linkage(&report("staticlib")?, "staticlib", "std"), "static");
        }
    }
    Ok(())
}

/// The case that rustc cannot link: a staticlib and a dylib of one crate, dylibs preferred, with
/// LTO.
#[test]
fn a_staticlib_and_a_dylib_together() -> Result<(), Failure> {
    let Some(project) = Project::new("multi_crate_type")? else { return Ok(()) };
    for lto in ["thin", "fat"] {
        for preferred in LINKAGES {
            let target = format!("root//everything:engine_{lto}_{preferred}");
            let report = project.json(&format!("{target}[dylib]"), "report")?;
            assert_eq!(project.json(&format!("{target}[staticlib]"), "report")?, report, "one action links both");
            assert_eq!(linkage(&report, "staticlib", "std"), "static", "{report:#}");
            assert_eq!(linkage(&report, "dylib", "std"), preferred, "{report:#}");
            assert_eq!(groups(&report, lto), [["staticlib"], ["dylib"]], "{lto} {preferred}");
        }
    }
    // What agrees in its crates and in how far its symbols reach has one run.
    let report = project.json("splitlink//examples/lto:static_counter[cdylib]", "report")?;
    assert_eq!(groups(&report, "thin"), [["staticlib", "cdylib"]]);
    let engine = "root//everything:engine_off_dynamic";
    let report = project.json(&format!("{engine}[dylib]"), "report")?;
    assert_eq!((linkage(&report, "dylib", "std"), linkage(&report, "dylib", "numbers")), ("dynamic", "dynamic"), "{report:#}");
    let links: Vec<_> = project.ran()?.into_iter().filter(|ran| ran.action.contains("link_only") && ran.target == engine).collect();
    assert!(matches!(&links[..], [one] if one.action == "splitlink_link_only dylib"), "without LTO each is linked for itself: {links:?}");
    Ok(())
}
