//! The documents of dependency formats: manifests and reports that splitlink writes fit their
//! schemas, what it must not write does not, and code, schemas and page name the same fields.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::schema::{fields_of, schema_of, structs_in, validate, version_in};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, repository, run};
use std::collections::BTreeSet;
use std::fs;

type Outcome = Result<(), Failure>;

const STAMP: &str = "0123456789abcdef0123456789abcdef";

/// Everything that links write: manifests and reports.
fn written() -> Result<(Vec<Value>, Vec<Value>)> {
    let project = Project::new("written")?;
    project.build_dep()?;
    let toolchain = Toolchain::stable();
    let mut std_manifest = project.splitlink(&words("std-manifest --output out/std.json --rustc"));
    good(&run(std_manifest.arg(&toolchain.rustc).arg("--libdir").arg(toolchain.libdir()))?)?;
    let dylib_of = "no-link --dylib-of out/libdep-1.rmeta --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    good(&project.compile(dylib_of, &project.library("dep"))?)?;
    let dynamic = "--std-manifest out/std.json --prefer-dynamic";
    good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib {dynamic} --output out/libdep-1.so --report out/dep.json"))?)?;
    project.write("app.rs", "fn main() { println!(\"{}\", dep::plain()); }\n")?;
    project.write("unused.rs", "fn main() {}\n")?;
    let mut reports = vec!["out/dep.json".to_owned()];
    for (source, crate_type) in [("app", "bin"), ("unused", "bin"), ("library", "cdylib,staticlib,dylib")] {
        good(&project.no_link(&project.linked(source, crate_type))?)?;
        for (name, options) in [("static", ""), ("dynamic", &*format!("--dylib out/libdep-1.so {dynamic}"))] {
            let outputs: String = crate_type.split(',').map(|each| format!(" --output {each}=out/{source}.{each}")).collect();
            let report = format!("out/{source}.{name}.report.json");
            good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib {options} {outputs} --report {report}"))?)?;
            reports.push(report);
        }
    }
    let read = |path: &str| -> Result<Value> { serde_json::from_slice(&project.read(path)?).with_context(|| path.to_owned()) };
    let manifests = ["out/std.json", "out/libdep-1.so.manifest.json", "out/library.dylib.manifest.json"];
    Ok((manifests.iter().map(|path| read(path)).collect::<Result<_>>()?, reports.iter().map(|path| read(path)).collect::<Result<_>>()?))
}

#[test]
fn what_links_write_fits() -> Outcome {
    let (manifests, reports) = written()?;
    for (schema, values) in [("dylib-manifest", &manifests), ("link-report", &reports)] {
        let schema = schema_of(schema)?;
        for value in values {
            validate(&schema, value).with_context(|| value.to_string())?;
        }
    }
    let crates = |report: &Value| -> Vec<Value> {
        let artifacts = report["artifacts"].as_array().into_iter().flatten();
        artifacts.flat_map(|artifact| artifact["crates"].as_array().into_iter().flatten()).cloned().collect()
    };
    let linkages: BTreeSet<String> = reports.iter().flat_map(crates).map(|c| c["linkage"].to_string()).collect();
    assert_eq!(linkages.len(), 4, "every linkage is in some report: {linkages:?}");
    Ok(())
}

/// Checks that `value` fits `schema`, and that it does not with any of the changes in `table`.
fn refuses(schema: &str, value: &Value, table: &[(&str, Value)]) -> Result<()> {
    let schema = schema_of(schema)?;
    validate(&schema, value)?;
    for (at, other) in table {
        let mut broken = value.clone();
        *broken.pointer_mut(at).with_context(|| format!("{at} is not there"))? = other.clone();
        assert!(validate(&schema, &broken).is_err(), "{at} may be {other}");
    }
    Ok(())
}

#[test]
fn the_schemas_refuse_what_is_none() -> Outcome {
    let manifest = json!({
        "version": 1, "crate": "a-1", "file_name": "liba-1.so", "contains": ["b-1"], "needs": ["std-1"], "stamps": {"a-1": STAMP}
    });
    let table = [
        ("/version", json!(2)),
        ("/crate", json!(null)),
        ("/contains", json!("b-1")),
        ("/contains/0", json!("b/1")),
        ("/needs/0", json!(1)),
        ("/stamps", json!([])),
        ("/stamps/a-1", json!("12")),
        ("", json!({"version": 1})),
        ("", json!({"version": 1, "crate": "", "file_name": "", "contains": [], "needs": [], "stamps": {}, "more": 1})),
    ];
    refuses("dylib-manifest", &manifest, &table)?;
    let report = json!({"version": 6, "crate_name": "app", "crate_version": "1.0.0", "crate_purl": "pkg:cargo/app@1.0.0", "artifacts": [{
        "crate_type": "bin", "file_name": "app", "bytes": 9, "prefer_dynamic": true,
        "crates": [
            {"crate": "a-1", "linkage": "dynamic", "from": "liba-1.so", "sysroot": false, "reason": "why"},
            {"crate": "b-1", "label": "//b", "version": "1.2.0", "purl": "pkg:cargo/b@1.2.0", "bytes": 9, "linkage": "static", "from": "libb-1.rlib", "sysroot": false, "reason": "why"},
            {"crate": "m-1", "linkage": "not-linked", "sysroot": false, "reason": "why"}
        ],
        "native_libraries": [{"name": "z"}, {"name": "libx.a", "carried_by": "a-1"}],
        "left_out": [{"what": "allocator shim", "reason": "why"}],
        "linker": {"program": "/usr/bin/cc", "arguments": ["-o", "{output}"]},
        "run_paths": ["$ORIGIN"], "needed": ["libc.so.6"], "milliseconds": {"linker": 9}
    }], "milliseconds": {"total": 9, "formats": 1, "lto": 2}, "lto": [{
        "mode": "fat", "crate_types": ["bin"], "threshold": "C", "crates": ["a-1"], "modules": 9, "kept": ["main"], "objects": [9, 8],
        "milliseconds": {"total": 9, "merge": 1, "optimise": 2, "generate": 3}
    }]});
    let table = [
        ("/version", json!(1)),
        ("/crate_name", json!("")),
        ("/crate_version", json!("")),
        ("/crate_purl", json!(1)),
        ("/artifacts", json!([])),
        ("/artifacts/0/crate_type", json!("rlib")),
        ("/artifacts/0/prefer_dynamic", json!("yes")),
        ("/artifacts/0/crates/0/linkage", json!("not-linked")),
        ("/artifacts/0/crates/0/linkage", json!("somehow")),
        ("/artifacts/0/crates/0/from", json!("/usr/lib/liba-1.so")),
        ("/artifacts/0/crates/2/linkage", json!("static")),
        ("/artifacts/0/crates/1", json!({"crate": "a-1"})),
        ("/artifacts/0/crates/1/label", json!("")),
        ("/artifacts/0/crates/1/version", json!(1)),
        ("/artifacts/0/crates/1/purl", json!("")),
        ("/artifacts/0/crates/1/bytes", json!("9")),
        ("/artifacts/0/bytes", json!(null)),
        ("/artifacts/0/native_libraries", json!(null)),
        ("/artifacts/0/native_libraries/1/name", json!("")),
        ("/artifacts/0/native_libraries/1/carried_by", json!("a/b")),
        ("/artifacts/0/left_out/0/what", json!("")),
        ("/artifacts/0/linker/program", json!("")),
        ("/artifacts/0/linker/arguments", json!("-o")),
        ("/artifacts/0/linker", json!({"program": "cc"})),
        ("/artifacts/0/run_paths", json!(null)),
        ("/artifacts/0/run_paths/0", json!(1)),
        ("/artifacts/0/needed/0", json!("")),
        ("/artifacts/0/milliseconds/linker", json!("9")),
        ("/milliseconds/formats", json!(null)),
        ("/milliseconds", json!({"total": 1})),
        ("/lto", json!(null)),
        ("/lto/0/mode", json!("off")),
        ("/lto/0/crate_types", json!([])),
        ("/lto/0/threshold", json!("c")),
        ("/lto/0/kept/0", json!("")),
        ("/lto/0/objects", json!(2)),
        ("/lto/0/objects/0", json!("9")),
        ("/lto/0/milliseconds", json!(9)),
        ("/lto/0/milliseconds/total", json!("9")),
        ("/lto/0/milliseconds", json!({"merge": 1})),
        ("/artifacts/0/left_out/0", json!({"what": "x", "reason": "y", "more": 1})),
    ];
    refuses("link-report", &report, &table)?;
    Ok(())
}

#[test]
fn code_schemas_and_page_agree() -> Outcome {
    let page = fs::read_to_string(repository().join("docs/dependency-formats.md"))?;
    let manifest = schema_of("dylib-manifest")?;
    let manifests = structs_in("formats/dylib_manifest.rs")?;
    assert_eq!(manifests["DylibManifest"], fields_of(&manifest));
    let report = schema_of("link-report")?;
    let reports = structs_in("formats/report.rs")?;
    assert_eq!(reports["LinkReport"], fields_of(&report));
    let definitions = &report["$defs"];
    assert_eq!(reports["Artifact"], fields_of(&definitions["artifact"]));
    assert_eq!(reports["CrateFormat"], fields_of(&definitions["linked-crate"]));
    assert!(fields_of(&definitions["other-crate"]).is_subset(&reports["CrateFormat"]));
    assert_eq!(reports["LtoGroup"], fields_of(&definitions["lto-group"]));
    assert_eq!(reports["Milliseconds"], fields_of(&definitions["milliseconds"]));
    assert_eq!(reports["LinkerCall"], fields_of(&definitions["linker-call"]));
    assert_eq!(reports["ArtifactTimes"], fields_of(&definitions["artifact-times"]));
    assert_eq!(reports["PhaseTimes"], fields_of(&definitions["phase-times"]));
    assert_eq!(reports["LeftOut"], fields_of(&definitions["left-out"]));
    assert_eq!(reports["NativeLibrary"], fields_of(&definitions["native-library"]));

    for (title, file, schema, structs) in [
        ("The dylib manifest", "formats/dylib_manifest.rs", &manifest, &manifests),
        ("The link report", "formats/report.rs", &report, &reports),
    ] {
        let version = version_in(file)?;
        let head = format!("\n## {title}, version {version}\n");
        let (_, section) = page.split_once(&head).with_context(|| format!("the page has no `{head}`"))?;
        let section = section.split("\n## ").next().unwrap_or_default();
        assert_eq!(schema["properties"]["version"]["const"].to_string(), version);
        let in_code: BTreeSet<&str> = structs.values().flatten().map(String::as_str).collect();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).map(|(field, _)| field);
        assert_eq!(rows.collect::<BTreeSet<_>>(), in_code, "{title}");
    }
    let code = fs::read_to_string(repository().join("tools/splitlink/src/formats/mod.rs"))?;
    for function in ["calculate_type", "attempt_static", "add_library", "activate_injected_dep", "verify_ok"] {
        assert!(code.contains(function) && page.contains(&format!("`{function}`")), "{function}");
    }
    Ok(())
}

/// Every link in the documents leads to a heading or a file that is there.
#[test]
fn links_lead_somewhere() -> Outcome {
    let docs = repository().join("docs");
    for name in ["dependency-formats.md", "link-plan.md", "design.md", "lto.md"] {
        let page = fs::read_to_string(docs.join(name))?;
        for target in page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let text =
                if file.is_empty() { page.clone() } else { fs::read_to_string(docs.join(file)).with_context(|| target.to_owned())? };
            let is_anchor = |line: &str| {
                let kept =
                    line.trim_start_matches(['#', ' ']).to_lowercase().replace(|c: char| !(c.is_alphanumeric() || " -_".contains(c)), "");
                line.starts_with('#') && kept.replace(' ', "-") == anchor
            };
            assert!(anchor.is_empty() || text.lines().any(is_anchor), "{name}: `{target}` leads nowhere");
        }
    }
    Ok(())
}
