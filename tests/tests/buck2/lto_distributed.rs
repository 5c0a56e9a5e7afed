//! Distributed thin LTO with a real Buck2: after a change the back ends run again of those crates only
//! that import what changed.

use anyhow::{Context, Result, ensure};
use splitlink_tests::buck2::Project;
use splitlink_tests::importing_crates::{APART, BACK_ENDS, LEAF, SOURCES, printed, without_hash};
use splitlink_tests::rustc_fixture::tools::{Failure, succeed};
use std::collections::BTreeSet;
use std::process::Command;

const BUCK: &str = r#"load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_library", "rust_multi_crate_type")

[
    rust_library(
        name = name,
        srcs = [name + ".rs"],
        crate_root = name + ".rs",
        edition = "2024",
        rustc_flags = ["-Copt-level=3"],
        deps = deps,
    )
    for name, deps in [("apart", []), ("leaf", []), ("middle", [":leaf"])]
]

[
    rust_binary(
        name = name,
        srcs = ["app.rs"],
        crate_root = "app.rs",
        edition = "2024",
        lto = lto,
        rustc_flags = ["-Copt-level=3"],
        deps = [
            ":apart",
            ":middle",
        ],
        **asked
    )
    for name, lto, asked in [
        ("app", "thin", {"enable_distributed_thinlto": True}),
        ("one_action", "thin", {}),
        ("fat", "fat", {}),
    ]
]

rust_multi_crate_type(
    name = "libraries",
    srcs = ["library.rs"],
    crate_root = "library.rs",
    crate_types = ["cdylib", "staticlib"],
    edition = "2024",
    lto = "thin",
    rustc_flags = ["-Copt-level=3"],
    deps = [":middle"],
)
"#;

const ON: &[&str] = &["-c", "splitlink.lto_distributed=on"];

/// Which actions of links ran in the last command: the thin link, back ends by their crate, and the
/// link.
fn ran(project: &Project) -> Result<BTreeSet<String>> {
    let named = project.ran()?.into_iter().filter_map(|ran| {
        let (category, identifier) = ran.action.split_once(' ')?;
        match category {
            "splitlink_thin_link" | "splitlink_link_only" => Some(category.to_owned()),
            "splitlink_thin_backend" => Some(without_hash(identifier).to_owned()),
            _ => None,
        }
    });
    Ok(named.collect())
}

/// The thin link, these back ends and the link.
fn with(back_ends: &[&str]) -> BTreeSet<String> {
    ["splitlink_thin_link", "splitlink_link_only"].iter().chain(back_ends).map(|&name| name.to_owned()).collect()
}

#[test]
fn only_what_imports_the_change_is_optimised_again() -> Result<(), Failure> {
    Ok(tried()?)
}

fn tried() -> Result<()> {
    let Some(project) = Project::new("lto_distributed")? else { return Ok(()) };
    let write = |name: &str, text: &str| project.write(&format!("in_parts/{name}"), text);
    write("BUCK", BUCK)?;
    SOURCES.iter().try_for_each(|(name, text)| write(name, text))?;
    let build = |factor: u64| -> Result<BTreeSet<String>> {
        let program = project.build("//in_parts:app")?;
        let ran = ran(&project)?;
        let output = succeed(&mut Command::new(program))?.stdout;
        ensure!(output == printed(factor).as_bytes(), "it prints {}", String::from_utf8_lossy(&output));
        Ok(ran)
    };
    let all = build(77)?;
    ensure!(all == with(&BACK_ENDS), "{all:?}");
    write("leaf.rs", &LEAF.replace("77", "79"))?;
    let again = build(79)?;
    ensure!(again == with(&["crates/leaf", "crates/middle"]), "after a change of `leaf` there ran {again:?}");
    write("apart.rs", &APART.replace("1234", "1235"))?;
    project.build("//in_parts:app")?;
    let again = ran(&project)?;
    ensure!(again == with(&["crates/apart"]), "after a change of `apart` there ran {again:?}");

    SOURCES.iter().try_for_each(|(name, text)| write(name, text))?;
    let program = project.build("//in_parts:one_action")?;
    let again = ran(&project)?;
    ensure!(again == BTreeSet::from(["splitlink_link_only".to_owned()]), "in one action there ran {again:?}");
    let output = succeed(&mut Command::new(program))?.stdout;
    ensure!(output == printed(77).as_bytes(), "in one action it prints {}", String::from_utf8_lossy(&output));

    // The setting is for all, and leaves fat LTO alone.
    for crate_type in ["cdylib", "staticlib"] {
        project.build_with(ON, &format!("//in_parts:libraries[{crate_type}]")).context(crate_type)?;
    }
    project.build_with(ON, "//in_parts:fat")?;
    ensure!(!ran(&project)?.contains("splitlink_thin_link"), "fat LTO has a thin link: {:?}", ran(&project)?);
    project.build_with(ON, "//in_parts:one_action")?;
    ensure!(ran(&project)?.contains("splitlink_thin_link"), "the setting does nothing: {:?}", ran(&project)?);

    let examples = "splitlink//examples/lto/...";
    let tests = project.passed(examples, ON)?;
    ensure!(ran(&project)?.contains("splitlink_thin_link"), "no thin link for the examples: {:?}", ran(&project)?);
    ensure!(tests.len() > 1 && tests == project.passed(examples, &[])?, "{tests:?}");

    project.set_split_debug_mode("split")?;
    project.buck2(&["kill"])?;
    let refused = project.buck2_fails(&["build", "//in_parts:app"])?;
    ensure!(refused.contains("distributed thin LTO makes no files of split debug information"), "{refused}");
    Ok(())
}
