//! The formats that are JSON.

use serde_json::Value;
use splitlink::formats::dylib_manifest::DylibManifest;
use splitlink::formats::report::LinkReport;
use splitlink::lto::request::{self, Answer, Request};
use splitlink::plan::{Item, LinkPlan};
use std::path::{Component, Path};

/// A link plan: it is the same after it was written, names no file outside of its folder, and lists
/// each crate that it links.
pub fn link_plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(plan) = LinkPlan::parse(text) else { return };
    let written = plan.to_text();
    assert_eq!(LinkPlan::parse(&written).expect("a plan that was written can be read"), plan);
    nothing_is_dropped(bytes, &written);
    for link in &plan.links {
        assert!(is_inside(&link.file_name), "{}", link.file_name);
        for item in &link.line {
            match item {
                Item::Module { file }
                | Item::AllocatorShim { file }
                | Item::SymbolsObject { file }
                | Item::MetadataObject { file, .. }
                | Item::VersionScript { file, .. }
                | Item::ExportedSymbols { file } => assert!(is_inside(file), "{file}"),
                Item::SysrootCrate { target, file_name } => assert!(is_inside(target) && is_inside(file_name), "{target} {file_name}"),
                Item::BundledLibrary { id, member, .. } => {
                    assert!(is_inside(member) && plan.crates.iter().any(|listed| listed.id == *id), "{id} {member}");
                }
                Item::Crate { id } | Item::WholeCrate { id } | Item::CrateMetadata { id } => {
                    assert!(plan.crates.iter().any(|listed| listed.id == *id), "{id}");
                }
                _ => {}
            }
        }
    }
}

fn is_inside(file: &str) -> bool {
    Path::new(file).components().all(|component| matches!(component, Component::Normal(_))) && !file.is_empty()
}

/// A dylib's manifest: it is the same after it was written.
pub fn dylib_manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(manifest) = DylibManifest::parse(text) else { return };
    let written = manifest.to_text();
    assert_eq!(DylibManifest::parse(&written).expect("a manifest that was written can be read"), manifest);
    nothing_is_dropped(bytes, &written);
}

/// A link report: it is the same after it was written.
pub fn link_report(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(report) = LinkReport::parse(text) else { return };
    let written = report.to_text();
    assert_eq!(LinkReport::parse(&written).expect("a report that was written can be read"), report);
    nothing_is_dropped(bytes, &written);
}

/// A file that is there when this runs, and its bytes.
const FILE: (&str, &[u8]) = (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), include_bytes!("../../Cargo.toml"));

/// A request to the engine of fat LTO, or its answer: it is the same after it was written; and a
/// module's bitcode is what the file has there, or none.
pub fn engine_request(bytes: &[u8]) {
    if let Ok(answer) = request::parse::<Answer>(bytes) {
        let written = serde_json::to_string(&answer).expect("plain data");
        assert_eq!(request::parse::<Answer>(written.as_bytes()).expect("an answer that was written can be read"), answer);
        nothing_is_dropped(bytes, &written);
    }
    let Ok(request) = request::parse::<Request>(bytes) else { return };
    let written = serde_json::to_string(&request).expect("plain data");
    assert_eq!(request::parse::<Request>(written.as_bytes()).expect("a request that was written can be read"), request);
    nothing_is_dropped(bytes, &written);
    for mut module in request.modules {
        module.file = FILE.0.into();
        let there = module.offset.checked_add(module.length).and_then(|end| FILE.1.get(module.offset..end));
        assert_eq!(module.read().ok().as_deref(), there, "{module:?}");
    }
}

/// Checks that all that a reader has accepted is in what a writer made of it.
pub(super) fn nothing_is_dropped(read: &[u8], written: &str) {
    let [read, written] = [read, written.as_bytes()].map(|text| without_nulls(serde_json::from_slice(text).expect("it was accepted")));
    assert_eq!(read, written);
}

/// An option that is not there may be written as `null`.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
