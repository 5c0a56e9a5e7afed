//! With Bazel: bills of materials and audit data, for which nothing is compiled.

use anyhow::{Context, Result, ensure};
use auditable_info::audit_info_from_slice;
use serde_json::Value;
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::rustc_fixture::tools::{names_in, succeed};
use std::fs;
use std::path::Path;

const PACKAGE: &str = "//tests/bazel_rules/sbom";
const AUDITABLE: &str = "--//rules/bazel:auditable";

/// Each crate that is not of the standard library, as the bill at `path` has it.
fn crates(path: &Path) -> Result<Vec<String>> {
    let text = fs::read(path).with_context(|| format!("there is no {}", path.display()))?;
    let bom: Value = serde_json::from_slice(&text)?;
    let components = bom["components"].as_array().context("no components")?;
    let said = |component: &Value, name: &str| -> String {
        let all = component["properties"].as_array().into_iter().flatten();
        let found = all.into_iter().find(|property| property["name"] == format!("splitlink:{name}").as_str());
        found.and_then(|property| property["value"].as_str()).unwrap_or("-").to_owned()
    };
    let crates = components.iter().filter(|component| said(component, "kind") == "crate");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    Ok(crates
        .map(|component| {
            let of = |name: &str| text(&component[name]);
            format!("{} {} {} {}", of("name"), of("version"), of("purl"), said(component, "label"))
        })
        .collect())
}

fn packages(path: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(path).with_context(|| format!("there is no {}", path.display()))?;
    let info = audit_info_from_slice(&bytes, 1 << 20).context("no audit data")?;
    let shown = info.packages.into_iter();
    Ok(shown
        .map(|package| format!("{} {} {} {:?}", package.name, package.version, String::from(package.source), package.dependencies))
        .collect())
}

#[test]
fn what_is_linked() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let log = clone.root.with_extension("sbom.json");
    let log_flag = format!("--execution_log_json_file={}", log.display());
    let build = |flags: &[&str], target: &str| -> Result<Vec<String>> {
        let target = format!("{PACKAGE}:{target}");
        succeed(&mut clone.build_command(&[flags, &[log_flag.as_str()]].concat(), &[&target]))?;
        let mut ran: Vec<_> = execution_log::read(&log)?.into_iter().map(|spawn| spawn.mnemonic).collect();
        ran.retain(|mnemonic| mnemonic.starts_with("Splitlink"));
        ran.dedup();
        Ok(ran)
    };
    let bin = clone.bin(&[])?.join("tests/bazel_rules/sbom");
    let expected = [
        "own 0.2.0 - //tests/bazel_rules/sbom:own",
        "third-party 0.4.0+meta pkg:cargo/third-party@0.4.0%2Bmeta //tests/bazel_rules/sbom:third_party",
    ];

    // The bill is made when it is asked for, of what is linked.
    build(&[], "app")?;
    let without = fs::read(bin.join("app"))?;
    ensure!(packages(&bin.join("app")).is_err(), "there is audit data unasked");
    let ran = build(&["--output_groups=sbom"], "app")?;
    ensure!(ran == ["SplitlinkSbom"], "{ran:?}");
    let found = crates(&bin.join("app.splitlink/app.cdx.json"))?;
    ensure!(found == expected, "{found:?}");

    let bom: Value = serde_json::from_slice(&fs::read(bin.join("app.splitlink/app.cdx.json"))?)?;
    let asks: Vec<String> = bom["dependencies"].as_array().context("no dependencies")?.iter().map(Value::to_string).collect();
    ensure!(asks.len() == 3 && asks[0].contains("artifact:app") && asks[0].contains("crate:own-"), "{asks:?}");
    let third_party = asks.iter().find(|asks| asks.contains(r#""ref":"crate:third_party-"#)).context("no third_party")?;
    ensure!(third_party.contains(r#""dependsOn":[]"#), "{asks:?}");

    // Audit data: the link alone, and only where there can be some.
    build(&[], "archive")?;
    let ran = build(&[AUDITABLE], "archive")?;
    ensure!(ran.is_empty(), "{ran:?}");
    let ran = build(&[AUDITABLE], "app")?;
    ensure!(ran == ["SplitlinkLink"], "{ran:?}");
    let found = packages(&bin.join("app"))?;
    ensure!(found == ["app 1.2.3 local [1]", "own 0.2.0 local [2]", "third-party 0.4.0+meta crates.io []"], "{found:?}");
    let ran = build(&[], "app")?;
    ensure!(ran == ["SplitlinkLink"] && fs::read(bin.join("app"))? == without, "without the setting it is as before: {ran:?}");

    // Several artifacts, each of a report; with LTO, of one report and one action.
    for (lto, links) in [("off", 3), ("thin", 1)] {
        let lto = format!("--//rules/bazel:lto={lto}");
        let flags = [AUDITABLE, &lto, "--output_groups=+sbom"];
        let mut linked = 0;
        for each in ["cdylib", "dylib", "staticlib"] {
            let ran = build(&flags, &format!("every_type_{each}"))?;
            linked += ran.iter().filter(|mnemonic| *mnemonic == "SplitlinkLink").count();
            let folder = clone.bin(&flags)?.join(format!("tests/bazel_rules/sbom/every_type_{each}.splitlink"));
            let bill = names_in(&folder).into_iter().find(|name| name.ends_with(".cdx.json")).with_context(|| format!("{lto} {each}"))?;
            let found = crates(&folder.join(bill))?;
            ensure!(found == expected, "{lto} {each}: {found:?}");
        }
        ensure!(linked == links, "{lto}: {linked} links");
    }
    fs::remove_file(log)?;
    Ok(())
}
