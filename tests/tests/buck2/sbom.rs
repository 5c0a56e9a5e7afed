//! With a real Buck2: bills of materials and audit data, for which nothing is compiled.

use anyhow::{Context, Result, ensure};
use auditable_info::audit_info_from_slice;
use serde_json::Value;
use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::tools::Failure;
use std::fs;

const THIRD_PARTY: &str = r#"load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_library", "rust_multi_crate_type")

# As Reindeer writes the library of a package.
rust_library(
    name = "third-party-0.4.0",
    srcs = ["third_party.rs"],
    crate = "third_party",
    crate_root = "third_party.rs",
    edition = "2024",
)

rust_library(
    name = "own-0.2.0",
    srcs = ["own.rs"],
    crate = "own",
    crate_root = "own.rs",
    edition = "2024",
    visibility = ["PUBLIC"],
    deps = [":third-party-0.4.0"],
)
"#;

const APP: &str = r#"load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_multi_crate_type")

rust_binary(
    name = "app",
    srcs = ["app.rs"],
    crate_root = "app.rs",
    edition = "2024",
    deps = ["//third-party:own-0.2.0"],
)

rust_multi_crate_type(
    name = "libraries",
    srcs = ["answer.rs"],
    crate_root = "answer.rs",
    crate_types = ["cdylib", "staticlib"],
    edition = "2024",
    deps = ["//third-party:own-0.2.0"],
)
"#;

/// Name and package of each crate that is not of the standard library.
fn crates(bom: &Value) -> Result<Vec<String>> {
    let components = bom["components"].as_array().context("no components")?;
    let is_crate = |component: &&Value| component["properties"].to_string().contains(r#""splitlink:kind","value":"crate""#);
    Ok(components.iter().filter(is_crate).map(|component| format!("{} {}", component["name"], component["purl"])).collect())
}

#[test]
fn what_is_linked() -> Result<(), Failure> {
    Ok(tried()?)
}

fn tried() -> Result<()> {
    let Some(project) = Project::new("sbom")? else { return Ok(()) };
    for (path, text) in [
        ("third-party/BUCK", THIRD_PARTY),
        ("third-party/third_party.rs", "pub fn answer() -> u64 { 42 }\n"),
        ("third-party/own.rs", "pub use third_party::answer;\n"),
        ("sbom/BUCK", APP),
        ("sbom/app.rs", "fn main() { println!(\"{}\", own::answer()); }\n"),
        ("sbom/answer.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn sbom_answer() -> u64 { own::answer() }\n"),
    ] {
        project.write(path, text)?;
    }
    let without = fs::read(project.build("//sbom:app")?)?;
    ensure!(audit_info_from_slice(&without, 1 << 20).is_err(), "there is audit data unasked");
    let ran = || -> Result<Vec<String>> {
        let actions = project.ran()?.into_iter().map(|ran| ran.action);
        Ok(actions.filter(|action| action.starts_with("rustc") || action.starts_with("splitlink_")).collect())
    };
    let bom = project.json("//sbom:app", "sbom")?;
    ensure!(crates(&bom)? == ["\"own\" null", "\"third_party\" null"], "{bom}");
    ensure!(ran()?.iter().all(|action| action.starts_with("splitlink_sbom")), "{:?}", ran()?);

    let asks = bom["dependencies"].as_array().context("no dependencies")?;
    let edges: Vec<usize> = asks.iter().filter_map(|asks| Some(asks["dependsOn"].as_array()?.len())).collect();
    ensure!(edges == [1, 1, 0], "{bom}");

    // Where the libraries of a package are Reindeer's, they are of crates.io.
    let reindeer = ["-c", "splitlink.crates_io=root//third-party", "-c", "splitlink.auditable=on"];
    let with = fs::read(project.build_with(&reindeer, "//sbom:app")?)?;
    ensure!(ran()? == ["splitlink_link_only bin"], "{:?}", ran()?);
    let info = audit_info_from_slice(&with, 1 << 20).context("no audit data")?;
    let found: Vec<_> =
        info.packages.iter().map(|p| format!("{} {} {} {:?}", p.name, p.version, String::from(p.source.clone()), p.dependencies)).collect();
    ensure!(found == ["app 0.0.0 local [1]", "own 0.2.0 crates.io [2]", "third-party 0.4.0 crates.io []"], "{found:?}");
    let bom: Value = serde_json::from_slice(&fs::read(project.build_with(&reindeer, "//sbom:app[sbom]")?)?)?;
    ensure!(crates(&bom)?[1] == "\"third-party\" \"pkg:cargo/third-party@0.4.0\"", "{bom}");
    ensure!(fs::read(project.build("//sbom:app")?)? == without, "without the setting it is as before");

    for (each, has_data) in [("cdylib", true), ("staticlib", false)] {
        let made = fs::read(project.build_with(&reindeer, &format!("//sbom:libraries[{each}]"))?)?;
        ensure!(audit_info_from_slice(&made, 1 << 20).is_ok() == has_data, "{each}");
        let bom: Value = serde_json::from_slice(&fs::read(project.build_with(&reindeer, &format!("//sbom:libraries[{each}][sbom]"))?)?)?;
        ensure!(crates(&bom)?.len() == 2, "{each}: {bom}");
    }
    Ok(())
}
