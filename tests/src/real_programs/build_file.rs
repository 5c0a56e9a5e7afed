//! The BUILD file of a program itself: cargo-bazel writes those of its dependencies only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{NO_GIT_DIR, Program, Rules, cargo_build, command::run_quietly, workspace::write_changed};

/// One kind of dependency, sorted the way rules_rust wants it.
#[derive(Default)]
struct Dependencies {
    crates: Vec<String>,
    proc_macros: Vec<String>,
    /// Label to the name that the sources use, where it is not the crate's own.
    aliases: BTreeMap<String, String>,
}

/// The workspace's file with the constant `ROUND`, a flag that every crate of every program is
/// compiled with, build scripts included. A benchmark changes it to have all of them compiled
/// again, and nothing else: no tool of rules_rust's.
pub const ROUND_FILE: &str = "round.bzl";

/// Which changes are made to vendored BUILD files: those with others are made anew.
pub const CHANGES: &str = "round.bzl, versions of build scripts";

/// The target of the library that a program's own package has.
pub const LIBRARY: &str = "lib";

const LOAD_ROUND: &str = "load(\"//:round.bzl\", \"ROUND\")\n";

/// Changes the BUILD files of the crates that cargo-bazel has vendored: they are compiled with
/// `ROUND`, too, and build scripts know their version.
pub fn change_vendored(vendored: &Path) -> Result<()> {
    for entry in fs::read_dir(vendored).with_context(|| format!("cannot list {}", vendored.display()))? {
        let path = entry?.path().join("BUILD.bazel");
        if path.exists() {
            let text = changed(&fs::read_to_string(&path)?)
                .with_context(|| format!("cargo-bazel writes other BUILD files now: {}", path.display()))?;
            fs::write(&path, text)?;
        }
    }
    Ok(())
}

fn changed(text: &str) -> Result<String> {
    let flag = "\"--cap-lints=allow\",";
    ensure!(text.contains(flag), "no {flag}");
    let mut changed = format!("{LOAD_ROUND}{}", text.replace(flag, &format!("{flag} ROUND,")));
    // rules_rust compiles a build script with its version up to 0.72 or so, and then leaves that to
    // a rule that 0.54.1 does not have.
    if let Some(at) = changed.find("\ncargo_build_script(\n") {
        let (before, script) = changed.split_at(at);
        let version = script.split_once("\n    version = ").and_then(|(_, rest)| rest.split_once(",\n")).context("no version")?.0;
        let flags = "\n    rustc_flags = ";
        ensure!(!script.contains("rustc_env = ") && script.contains(flags), "other flags and variables of a build script");
        let env = format!("\n    rustc_env = {{\"CARGO_PKG_VERSION\": {version}}},{flags}");
        changed = format!("{before}{}", script.replacen(flags, &env, 1));
    }
    Ok(changed)
}

/// Writes `<workspace>/<package>/BUILD.bazel`.
pub fn write(workspace: &Path, program: &Program) -> Result<()> {
    let folder = workspace.join(program.package);
    let metadata = run_quietly(
        Command::new("cargo")
            .args(["metadata", "--format-version=1", "--locked", "--filter-platform"])
            .arg(super::host_triple()?)
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml")),
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let text = render(&metadata, program, &cargo_build::crates(workspace, program)?)
        .with_context(|| format!("cannot write a BUILD file for {}", program.package))?;
    write_changed(&folder.join("BUILD.bazel"), &text)
}

fn render(metadata: &Value, program: &Program, built: &BTreeSet<String>) -> Result<String> {
    let root = metadata["resolve"]["root"].as_str().context("no root package")?;
    let package = by_id(&metadata["packages"], root)?;
    let node = by_id(&metadata["resolve"]["nodes"], root)?;
    let bin =
        target(package, |kind, name| kind == "bin" && name == program.bin).with_context(|| format!("no binary called {}", program.bin))?;
    let edition = quote(&package["edition"]);
    let features = &node["features"];

    let mut text = format!("{LOAD_ROUND}load(\"@rules_rust//cargo:defs.bzl\", \"cargo_build_script\")\n");
    for rules in Rules::ALL {
        text += &format!("load({:?}, {} = \"rust_binary\")\n", rules.bzl(), rules.rule());
    }
    let library = target(package, |kind, _| kind == "lib");
    if library.is_some() {
        text += &format!("load({:?}, \"rust_library\")\n", Rules::RulesRust.bzl());
    }

    // An edit of a program's root is none of the library, nor of the build script.
    let bins = package["targets"].as_array().into_iter().flatten().filter(|target| target["kind"][0] == "bin");
    let roots = bins.map(|bin| relative_source(package, bin)).collect::<Result<Vec<_>>>()?.join(", ");
    let mut deps = dependencies(metadata, node, program, built, "")?;
    if let Some(script) = target(package, |kind, _| kind == "custom-build") {
        deps.crates.push(":build_script".to_owned());
        let script_deps = dependencies(metadata, node, program, built, "build")?;
        text += &format!(
            "
cargo_build_script(
    name = \"build_script\",
    srcs = glob([\"**/*.rs\"], exclude = [{roots}]),
    aliases = {aliases},
    build_script_env = {{\"GIT_DIR\": \"{NO_GIT_DIR}\"}},
    compile_data = glob([\"**\"], exclude = [\"**/*.rs\"]),
    crate_features = {features},
    crate_root = {crate_root},
    data = glob([\"**\"], exclude = [{roots}]),
    edition = {edition},
    proc_macro_deps = {proc_macros:?},
    rustc_env = {{\"CARGO_PKG_VERSION\": {version:?}}},
    rustc_flags = [ROUND],
    version = {version:?},
    deps = {crates:?},
)
",
            aliases = map(&script_deps.aliases),
            crate_root = relative_source(package, script)?,
            proc_macros = script_deps.proc_macros,
            version = program.version,
            crates = script_deps.crates,
        );
    }
    let env = map(&package_env(package, program));
    if let Some(library) = library {
        text += &format!(
            "
rust_library(
    name = {LIBRARY:?},
    srcs = glob([\"**/*.rs\"], exclude = [{roots}]),
    aliases = {aliases},
    compile_data = glob([\"**\"], exclude = [\"**/*.rs\"]),
    crate_features = {features},
    crate_name = {crate_name:?},
    crate_root = {crate_root},
    edition = {edition},
    proc_macro_deps = {proc_macros:?},
    rustc_env = {env},
    rustc_flags = [ROUND],
    version = {version:?},
    deps = {crates:?},
)
",
            aliases = map(&deps.aliases),
            crate_name = library["name"].as_str().unwrap_or_default().replace('-', "_"),
            crate_root = relative_source(package, library)?,
            proc_macros = deps.proc_macros,
            version = program.version,
            crates = deps.crates,
        );
        deps.crates.push(format!(":{LIBRARY}"));
    }
    for rules in Rules::ALL {
        text += &format!(
            "
{rule}(
    name = {name:?},
    srcs = glob([\"**/*.rs\"]),
    aliases = {aliases},
    compile_data = glob([\"**\"], exclude = [\"**/*.rs\"]),
    crate_features = {features},
    crate_name = {crate_name:?},
    crate_root = {crate_root},
    edition = {edition},
    proc_macro_deps = {proc_macros:?},
    rustc_env = {env},
    rustc_flags = [ROUND],
    version = {version:?},
    visibility = [\"//visibility:public\"],
    deps = {crates:?},
)
",
            aliases = map(&deps.aliases),
            crate_name = program.bin.replace('-', "_"),
            name = program.target(rules),
            rule = rules.rule(),
            crate_root = relative_source(package, bin)?,
            proc_macros = deps.proc_macros,
            version = program.version,
            crates = deps.crates,
        );
    }
    Ok(text)
}

/// What Cargo tells a crate of its package and rules_rust leaves empty or fills otherwise.
fn package_env(package: &Value, program: &Program) -> BTreeMap<String, String> {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let authors: Vec<_> = package["authors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    BTreeMap::from([
        ("CARGO_BIN_NAME".to_owned(), program.bin.to_owned()),
        ("CARGO_PKG_AUTHORS".to_owned(), authors.join(":")),
        ("CARGO_PKG_DESCRIPTION".to_owned(), text("description")),
        ("CARGO_PKG_HOMEPAGE".to_owned(), text("homepage")),
        ("CARGO_PKG_NAME".to_owned(), program.package.to_owned()),
        ("CARGO_PKG_REPOSITORY".to_owned(), text("repository")),
    ])
}

/// The direct dependencies of `node` that are of the given kind ("" for normal ones, "build",
/// "dev"), of those that are `built`: Cargo's metadata also lists what only a feature names that is
/// on if something else asks for it.
fn dependencies(metadata: &Value, node: &Value, program: &Program, built: &BTreeSet<String>, kind: &str) -> Result<Dependencies> {
    let mut found = Dependencies::default();
    for dep in node["deps"].as_array().into_iter().flatten() {
        let kinds = dep["dep_kinds"].as_array().into_iter().flatten();
        if !kinds.map(|k| k["kind"].as_str().unwrap_or_default()).any(|k| k == kind) {
            continue;
        }
        let id = dep["pkg"].as_str().context("a dependency without an id")?;
        let package = by_id(&metadata["packages"], id)?;
        let library =
            target(package, |kind, _| kind.contains("lib") || kind == "proc-macro").with_context(|| format!("{id} has no library"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if !built.contains(&format!("{} v{}", text(&package["name"]), text(&package["version"]))) {
            continue;
        }
        let crate_name = text(&library["name"]).replace('-', "_");
        let label = format!(
            "//{}/vendor/{}-{}:{crate_name}",
            program.package,
            text(&package["name"]),
            // `+` may not stand in a package's label.
            text(&package["version"]).replace('+', "-"),
        );
        if dep["name"] != crate_name.as_str() {
            found.aliases.insert(label.clone(), text(&dep["name"]));
        }
        if library["kind"][0] == "proc-macro" {
            found.proc_macros.push(label);
        } else {
            found.crates.push(label);
        }
    }
    Ok(found)
}

fn by_id<'a>(list: &'a Value, id: &str) -> Result<&'a Value> {
    list.as_array().into_iter().flatten().find(|item| item["id"] == id).with_context(|| format!("`cargo metadata` lists no {id}"))
}

fn target(package: &Value, wanted: impl Fn(&str, &str) -> bool) -> Option<&Value> {
    package["targets"].as_array()?.iter().find(|target| {
        let name = target["name"].as_str().unwrap_or_default();
        let mut kinds = target["kind"].as_array().into_iter().flatten();
        kinds.any(|kind| wanted(kind.as_str().unwrap_or_default(), name))
    })
}

/// The target's root source file from the package's folder, as a Starlark string.
fn relative_source(package: &Value, target: &Value) -> Result<String> {
    let path = |value: &Value| Path::new(value.as_str().unwrap_or_default()).to_owned();
    let manifest = path(&package["manifest_path"]);
    let folder = manifest.parent().context("a manifest without a folder")?;
    let source = path(&target["src_path"]);
    let source = source.strip_prefix(folder).with_context(|| format!("{} is outside its package", source.display()))?;
    Ok(format!("{:?}", source.to_str().context("path is not UTF-8")?))
}

fn map(entries: &BTreeMap<String, String>) -> String {
    quote(&serde_json::json!(entries))
}

/// JSON's strings, lists and maps of strings are Starlark's too; rules_rust expands `$` in values.
fn quote(value: &Value) -> String {
    value.to_string().replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_scripts_know_their_version() {
        let library = "rust_library(\n    rustc_flags = [\n        \"--cap-lints=allow\",\n    ],\n    version = \"1.2.3\",\n)\n";
        let script = library.replace("rust_library", "\ncargo_build_script").replace("1.2.3", "1.2.4");
        let changed = changed(&format!("{library}{script}")).unwrap();
        assert_eq!(changed.matches("--cap-lints=allow\", ROUND,").count(), 2);
        assert_eq!(changed.matches("\n    rustc_env = {\"CARGO_PKG_VERSION\": \"1.2.4\"},\n    rustc_flags").count(), 1);
        assert!(
            super::changed(&format!("{library}{}", script.replace("version", "other"))).unwrap_err().to_string().contains("no version")
        );
        assert!(super::changed("").unwrap_err().to_string().contains("no \"--cap-lints"));
    }
}
