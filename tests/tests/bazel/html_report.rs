//! With Bazel: the page of a link report, and the programs that show a report.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::rustc_fixture::tools::{run, succeed};
use std::fs;
use std::path::Path;

/// A program, what it uses, what that uses, and what both are given for nothing.
const TARGETS: &str = r#"
load("//rules/bazel:defs.bzl", "rust_binary", "rust_library", "rust_multi_crate_type")
load("@rules_rust//rust:defs.bzl", "rust_library_group")

exports_files(["before.json"])
rust_library(name = "low", srcs = ["low.rs"], edition = "2021", version = "1.2.3")
rust_library(name = "idle", srcs = ["low.rs"], edition = "2021")
rust_library(name = "middle", srcs = ["middle.rs"], edition = "2021", deps = [":idle", ":low"])
rust_library_group(name = "group", deps = [":middle"])
rust_binary(name = "app", srcs = ["app.rs"], edition = "2021", deps = [":group", ":idle"])
rust_multi_crate_type(name = "both", srcs = ["both.rs"], crate_types = ["cdylib", "staticlib"], edition = "2021", lto = "thin", deps = [":low"])
"#;

const PACKAGE: &str = "tests/html_report";

/// What the page's script is given.
fn data(page: &Path) -> Result<Value> {
    let text = fs::read_to_string(page).with_context(|| format!("there is no {}", page.display()))?;
    let (_, after) = text.split_once("id=\"data\">").context("no data")?;
    Ok(serde_json::from_str(after.split_once("</script").context("no end")?.0)?)
}

/// The crates of an artifact whose entry in `why[field]` is not empty, by their names, and that entry.
fn by_name(artifact: &Value, field: &str) -> Result<Vec<(String, Value)>> {
    let name =
        |number: &Value| number.as_u64().map_or(Value::from("-"), |number| artifact["names"][usize::try_from(number).unwrap()].clone());
    let entries = artifact["why"][field].as_array().context("no such field")?;
    let mut found: Vec<(String, Value)> = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let entry = entry.as_array().map_or_else(|| name(entry), |all| all.iter().map(name).collect());
        if artifact["crates"][number]["sysroot"] == false {
            found.push((artifact["names"][number].as_str().context("no name")?.to_owned(), entry));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

#[test]
fn made_when_asked_for() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let folder = clone.root.join(PACKAGE);
    fs::create_dir_all(&folder)?;
    for (name, text) in [
        ("BUILD.bazel", TARGETS),
        ("low.rs", "pub fn low() -> u64 { 7 }\n"),
        ("middle.rs", "pub fn middle() -> u64 { low::low() }\n"),
        ("app.rs", "fn main() { println!(\"{}\", middle::middle()); }\n"),
        ("both.rs", "#[no_mangle] pub extern \"C\" fn both() -> u64 { low::low() }\n"),
    ] {
        fs::write(folder.join(name), text)?;
    }
    let app = format!("//{PACKAGE}:app");
    let log = clone.root.with_extension("html_report.json");
    let log_flag = format!("--execution_log_json_file={}", log.display());
    let build = |group: &str, target: &str| -> Result<usize> {
        succeed(&mut clone.build_command(&[&log_flag, group], &[target]))?;
        Ok(execution_log::read(&log)?.iter().filter(|spawn| spawn.mnemonic == "SplitlinkReport").count())
    };
    // With the links into the output folder that a user has.
    let program = |name: &str, arguments: &[&str]| {
        let mut command = clone.bazel();
        command
            .args(["run", "--extra_toolchains=//prebuilt:toolchain", "--ui_event_filters=-info,-warning"])
            .arg(format!("//:{name}"))
            .arg("--")
            .args(arguments);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command
    };

    ensure!(build("--output_groups=+report", &app)? == 0, "a page that nobody asked for");
    let shown = String::from_utf8(succeed(&mut program("explain", &["--all", &app]))?.stdout)?;
    ensure!(shown.contains("bin `app` (app, ") && shown.contains("low 1.2.3"), "{shown}");
    let refused = run(&mut program("report", &[&app]))?;
    let said = String::from_utf8_lossy(&refused.stderr);
    let help = format!("  help: build it: bazel build {app} --output_groups=+html_report\n");
    ensure!(!refused.status.success() && said.contains("error: there is no page of the link report of") && said.contains(&help), "{said}");

    ensure!(build("--output_groups=html_report", &app)? == 1);
    let place = String::from_utf8(succeed(&mut program("report", &[&app]))?.stdout)?;
    let page = clone.bin(&[])?.join(PACKAGE).join("app.splitlink/report.html");
    ensure!(Path::new(place.trim()) == fs::canonicalize(&page)?, "{place} is not {}", page.display());
    let of_page = succeed(&mut program("report", &[place.trim()]))?;
    ensure!(String::from_utf8(of_page.stdout)? == place, "the path of a page is not taken");

    let data = data(&page)?;
    ensure!(data["label"] == app.as_str(), "{}", data["label"]);
    let artifact = &data["artifacts"][0];
    let expected =
        |rows: &[(&str, Value)]| -> Vec<(String, Value)> { rows.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect() };
    let via = by_name(artifact, "via")?;
    ensure!(via == expected(&[("idle", "-".into()), ("low 1.2.3", "middle".into()), ("middle", "-".into())]), "{via:?}");
    let asked_by = by_name(artifact, "asked_by")?;
    let rows =
        [("idle", serde_json::json!(["-", "middle"])), ("low 1.2.3", serde_json::json!(["middle"])), ("middle", serde_json::json!(["-"]))];
    ensure!(asked_by == expected(&rows), "{asked_by:?}");
    ensure!(artifact["why"]["unknown"] == serde_json::json!([]), "{}", artifact["why"]["unknown"]);
    let commands: Vec<_> = artifact["why"]["unused"].as_array().context("none")?.iter().map(|unused| unused["command"].clone()).collect();
    let remove = |target: &str| format!("buildozer 'remove deps //{PACKAGE}:idle' //{PACKAGE}:{target}");
    ensure!(commands == [remove("app"), remove("middle")], "{commands:?}");

    // What is in it, from another action.
    let text = artifact["contents"]["sections"].as_array().context("no sizes")?.iter().find(|section| section["name"] == ".text");
    ensure!(text.is_some_and(|text| text["attributed"][0].as_u64() > Some(1000)), "{text:?}");

    // Compared with an older build.
    let mut before: Value = serde_json::from_str(&fs::read_to_string(page.with_file_name("sizes.json"))?)?;
    before["bytes"] = 12345.into();
    fs::write(folder.join("before.json"), before.to_string())?;
    let compared = format!("--//rules/bazel:sizes_before=//{PACKAGE}:before.json");
    succeed(&mut clone.build_command(&["--output_groups=html_report", &compared], &[&app]))?;
    let data = self::data(&page)?;
    let contents = &data["artifacts"][0]["contents"];
    ensure!(contents["compared"] == true && contents["bytes"][1] == 12345, "{}", contents["bytes"]);

    // Of those that are linked together each has a page, with what is in it unless it is an archive.
    ensure!(build("--output_groups=html_report", &format!("//{PACKAGE}:both"))? == 2);
    for (crate_type, looked_into) in [("cdylib", true), ("staticlib", false)] {
        let found = clone.root.join("bazel-out");
        let found = fs::read_dir(&found)?.filter_map(|entry| Some(entry.ok()?.path().join("bin").join(PACKAGE)));
        let page = found.map(|folder| folder.join(format!("both_{crate_type}.splitlink/report.html"))).find(|page| page.exists());
        let data = self::data(&page.with_context(|| format!("no page of the {crate_type}"))?)?;
        ensure!(data["label"] == format!("//{PACKAGE}:both"), "{}", data["label"]);
        let contents: Vec<_> = data["artifacts"]
            .as_array()
            .context("none")?
            .iter()
            .map(|one| (one["crate_type"] == crate_type, one["contents"].is_object()))
            .collect();
        ensure!(contents.len() == 2 && contents.iter().all(|(own, with)| *with == (*own && looked_into)), "{crate_type}: {contents:?}");
    }
    Ok(())
}
