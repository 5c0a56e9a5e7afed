//! Bills of materials, validated by CycloneDX's own library, and against the link report.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use splitlink_tests::pip;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

type Outcome = Result<(), Failure>;

/// Of PyPI's package `cyclonedx-python-lib`, which has the schemas.
const VALIDATOR: &str = "11.12.0";

/// Validates files, given by name, and reads them as bills.
const VALIDATE: &str = "
import json, sys
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for name in sys.argv[1:]:
    text = open(name).read()
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error: sys.exit(f'{name}: {error}')
    bom = Bom.from_json(json.loads(text))
    print(name, len(bom.components), len([c for c in bom.components if c.purl]), bom.metadata.component.name)
";

const NAMES: &str = "--crate-label libdep-1.rlib=//third:dep --crate-purl libdep-1.rlib=pkg:cargo/the-dep@0.4.0";

/// A project with a native library inside `dep`, and the report of a program.
fn reported(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.write("c.c", "int inside(void) { return 1; }\n")?;
    succeed(Command::new("sh").current_dir(&project.dir).args(["-c", "gcc -c c.c && ar rcs libinside.a c.o"]))?;
    std::fs::create_dir_all(project.dir.join("out"))?;
    let dep = [project.library("dep"), words("-Lnative=. -lstatic:+whole-archive=inside -lm")].concat();
    good(&project.compile("metadata --output out/libdep-1.rmeta", &dep)?)?;
    good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
    good(&project.no_link(&project.linked("app", "bin"))?)?;
    good(&project.link_only_with(&format!(
        "--rlib out/libdep-1.rlib --output out/artifact --report out/report.json {NAMES} --root-version 1.2.3"
    ))?)?;
    Ok(project)
}

fn sbom(project: &Project, options: &str) -> Result<std::process::Output> {
    run(&mut project.splitlink(&words(&format!("sbom --report out/report.json {options}"))))
}

fn json_of(project: &Project, path: &str) -> Result<Value> {
    serde_json::from_slice(&project.read(path)?).with_context(|| path.to_owned())
}

/// splitlink's own properties of a component.
fn properties(component: &Value) -> BTreeMap<&str, &str> {
    let all = component["properties"].as_array().into_iter().flatten();
    all.filter_map(|property| Some((property["name"].as_str()?.strip_prefix("splitlink:")?, property["value"].as_str()?))).collect()
}

/// Checks the bill `path` against the artifact of the report that it is of.
fn agrees(project: &Project, path: &str, crate_type: &str) -> Result<Vec<Value>> {
    let (bom, report) = (json_of(project, path)?, json_of(project, "out/report.json")?);
    let artifacts = report["artifacts"].as_array().context("no artifacts")?;
    let artifact = artifacts.iter().find(|artifact| artifact["crate_type"] == crate_type).context("no such artifact")?;
    let components = bom["components"].as_array().context("no components")?;
    let linked = artifact["crates"].as_array().context("no crates")?.iter().filter(|linked| linked["linkage"] != "not-linked");
    let mut expected = BTreeSet::new();
    for linked in linked {
        let id = linked["crate"].as_str().context("no identity")?;
        expected.insert(format!("crate:{id}"));
        let wanted = json!(format!("crate:{id}"));
        let found = components.iter().find(|component| component["bom-ref"] == wanted).with_context(|| format!("no component {id}"))?;
        let said = properties(found);
        let kind = if linked["sysroot"] == true { "std" } else { "crate" };
        ensure!(said.get("kind") == Some(&kind), "{found}");
        let std = ["std", "core", "alloc"].iter().any(|name| id.starts_with(&format!("{name}-")));
        ensure!(!std || found["version"] == release()?, "{found}");
        for name in ["crate", "linkage", "from", "label"] {
            ensure!(said.get(name).copied() == linked[name].as_str(), "{name}: {found} of {linked}");
        }
        ensure!(found["version"] == linked["version"] && found["purl"] == linked["purl"], "{found} of {linked}");
    }
    for library in artifact["native_libraries"].as_array().context("no native libraries")? {
        let within = library["carried_by"].as_str().map(|id| format!("{id}/")).unwrap_or_default();
        expected.insert(format!("native:{within}{}", library["name"].as_str().context("no name")?));
    }
    let refs: Vec<_> = components.iter().filter_map(|component| component["bom-ref"].as_str().map(str::to_owned)).collect();
    ensure!(refs.len() == components.len() && refs.iter().cloned().collect::<BTreeSet<_>>() == expected, "{refs:?} and not {expected:?}");
    for never in ["serialNumber", "timestamp"] {
        ensure!(!bom.to_string().contains(never), "{never}: {bom}");
    }
    let root = &bom["metadata"]["component"];
    ensure!(root["name"] == report["crate_name"] && root["version"] == report["crate_version"], "{bom}");
    Ok(components.clone())
}

/// The release of the toolchain's rustc, as it says itself.
fn release() -> Result<String> {
    let said = succeed(Command::new(&Toolchain::stable().rustc).arg("-vV"))?;
    let said = String::from_utf8(said.stdout)?;
    said.lines().find_map(|line| line.strip_prefix("release: ")).map(str::to_owned).context("no release")
}

fn validate(project: &Project, files: &[&str]) -> Result<Option<String>> {
    let python = match pip::install("cyclonedx-python-lib[json-validation]", VALIDATOR, &[]) {
        Ok(folder) => folder,
        Err(why) => {
            skip(&format!("no bill is validated against CycloneDX's schema: {why}; python3 with pip and a network enable it"));
            return Ok(None);
        }
    };
    let mut command = Command::new("python3");
    let output = succeed(command.current_dir(&project.dir).env("PYTHONPATH", python).args(["-c", VALIDATE]).args(files))?;
    Ok(Some(String::from_utf8(output.stdout)?))
}

#[test]
fn of_a_program() -> Outcome {
    let project = reported("sbom_program")?;
    good(&sbom(&project, "--output out/bom.json")?)?;
    let components = agrees(&project, "out/bom.json", "bin")?;
    let of = |reference: &str| components.iter().find(|component| component["bom-ref"] == reference).cloned().unwrap_or_default();
    assert_eq!(json_of(&project, "out/bom.json")?["metadata"]["component"]["version"], "1.2.3");
    let dep = of("crate:dep-1");
    assert_eq!((&dep["name"], &dep["version"], &dep["purl"]), (&json!("the-dep"), &json!("0.4.0"), &json!("pkg:cargo/the-dep@0.4.0")));
    assert_eq!(properties(&dep)["label"], "//third:dep");
    assert_eq!(properties(&of("native:dep-1/libinside.a"))["carried-by"], "dep-1");
    assert_eq!(properties(&of("native:m"))["kind"], "native");
    assert!(components.iter().any(|component| component["name"] == "std" && component["purl"].is_null()));
    if let Some(said) = validate(&project, &["out/bom.json"])? {
        assert_eq!(said, format!("out/bom.json {} 1 app\n", components.len()));
    }
    let bom = json_of(&project, "out/bom.json")?;
    assert_eq!((&bom["dependencies"], &bom["compositions"][0]["aggregate"]), (&Value::Null, &json!("unknown")));
    let edges = "--edge =libdep-1.rlib --edge libdep-1.rlib=libmacros-1.rlib --edge libgone-1.rlib=libdep-1.rlib";
    good(&sbom(&project, &format!("--output out/edges.json {edges}"))?)?;
    agrees(&project, "out/edges.json", "bin")?;
    let bom = json_of(&project, "out/edges.json")?;
    let expected = json!([
        {"ref": "artifact:artifact", "dependsOn": ["crate:dep-1"]},
        {"ref": "crate:dep-1", "dependsOn": ["native:dep-1/libinside.a"]},
    ]);
    assert_eq!(bom["dependencies"], expected);
    assert_eq!(bom["compositions"][0], json!({"aggregate": "incomplete", "dependencies": ["artifact:artifact", "crate:dep-1"]}));
    let of_std = bom["compositions"][1]["dependencies"].as_array().context("no crates of the standard library")?;
    assert!(
        bom["compositions"][1]["aggregate"] == "unknown"
            && of_std.iter().any(|name| name.as_str().is_some_and(|name| name.starts_with("crate:std-")))
    );
    validate(&project, &["out/edges.json"])?;
    let output = sbom(&project, "--output out/x.json --edge dep")?;
    assert!(output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("there is no `=`"));
    let first = project.read("out/bom.json")?;
    good(&sbom(&project, "--output out/again.json")?)?;
    assert!(project.read("out/again.json")? == first, "a second time makes other bytes");
    Ok(())
}

/// One for each artifact; a crate that is dynamic says so, and one of which nothing is linked is in
/// none.
#[test]
fn of_several_artifacts() -> Outcome {
    let project = reported("sbom_several")?;
    good(&project.no_link(&project.linked("library", "cdylib,staticlib"))?)?;
    let outputs = "--output cdylib=out/library.so --output staticlib=out/library.a";
    good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib {outputs} --report out/report.json"))?)?;
    good(&sbom(&project, "--output cdylib=out/so.json --output staticlib=out/a.json")?)?;
    let files = ["out/so.json", "out/a.json"];
    for (file, crate_type) in files.iter().zip(["cdylib", "staticlib"]) {
        let components = agrees(&project, file, crate_type)?;
        assert!(components.iter().all(|component| component["purl"].is_null()), "nobody said of which package a crate is");
    }
    validate(&project, &files)?;
    for (options, said) in [
        ("--output out/x.json", "it has several artifacts: cdylib, staticlib"),
        ("--output bin=out/x.json", "it has no bin"),
        ("--output cdylib=out/report.json", "over the link report"),
        ("--output cdylib=out/x.json --output staticlib=out/x.json", "is asked for twice"),
    ] {
        refused(&sbom(&project, options)?, &[said]).with_context(|| options.to_owned())?;
        project.nothing_left(&["out/x.json"])?;
    }
    project.write("out/report.json", "{}")?;
    refused(&sbom(&project, "--output out/x.json")?, &["it has no version, so it is no link report"])?;
    Ok(())
}
