//! The page's file: whole for any names, the same for the same input, and refused where the input
//! does not fit together. What a browser makes of it, `tests/tests/report` checks.

use super::*;
use crate::formats::Linkage;
use crate::formats::report::{CrateFormat, LinkerCall, NativeLibrary, VERSION};
use crate::plan::crate_type::CrateType;
use serde_json::{Value, json};

const HOSTILE: &str = "</script><!--<script>\u{2028}\\u003c\"'&{{data}}";

fn report(name: &str) -> LinkReport {
    let found = |id: &str, label: Option<&str>| CrateFormat {
        id: id.into(),
        label: label.map(str::to_owned),
        version: Some(name.into()),
        purl: None,
        bytes: Some(7),
        linkage: Linkage::Static,
        from: Some(format!("lib{id}.rlib")),
        sysroot: false,
        reason: name.into(),
    };
    let artifact = Artifact {
        crate_type: CrateType::Bin,
        file_name: "app".into(),
        bytes: 9,
        prefer_dynamic: false,
        crates: vec![found("a-1", Some(name)), found("b-1", None)],
        native_libraries: vec![NativeLibrary { name: name.into(), carried_by: None }],
        left_out: Vec::new(),
        linker: Some(LinkerCall { program: name.into(), arguments: vec![name.into()] }),
        run_paths: vec![name.into()],
        needed: vec![name.into()],
        milliseconds: None,
    };
    LinkReport {
        version: VERSION,
        crate_name: name.into(),
        crate_version: None,
        crate_purl: None,
        artifacts: vec![artifact],
        lto: Vec::new(),
        milliseconds: None,
    }
}

fn sizes(crate_name: &str, crate_type: &str) -> Sizes {
    let file = json!({
        "version": 1, "crate_name": crate_name, "crate_type": crate_type, "file_name": "app", "bytes": 9,
        "sections": [], "owners": [{"name": crate_name, "kind": "crate", "crate": "b-1"}], "debug": [],
        "items": [{"owner": 0, "path": [HOSTILE], "symbol": "_R", "kind": "text", "bytes": 3}],
    });
    Sizes::parse(&file.to_string()).unwrap()
}

/// The data in a page, as a browser finds it: up to the first end of a script.
fn data(page: &str) -> Value {
    let (_, after) = page.split_once("id=\"data\">").unwrap();
    let (json, _) = after.split_once("</script").unwrap();
    assert!(!json.contains("<!--"), "{json}");
    serde_json::from_str(json).unwrap()
}

#[test]
fn names_of_any_characters() {
    let sizes = Given { now: vec![sizes(HOSTILE, "bin")], before: Vec::new() };
    let page = page(&report(HOSTILE), &sizes, &[Edge::parse("=liba-1.rlib").unwrap()], Some(HOSTILE)).unwrap();
    let data = data(&page);
    let artifact = &data["artifacts"][0];
    for name in [&data["crate_name"], &data["label"], &artifact["crates"][0]["label"], &artifact["contents"]["names"][0]] {
        assert_eq!(name, HOSTILE);
    }
    assert_eq!(artifact["names"], json!([format!("a {HOSTILE}"), format!("b {HOSTILE}")]));
    assert_eq!(artifact["contents"]["owners"][0]["crate"], 1);
    assert_eq!(artifact["why"]["via"], json!([-1, null]));
    let title = page.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
    assert_eq!(title, "&lt;/script&gt;&lt;!--&lt;script&gt;\u{2028}\\u003c\"'&amp;{{data}}: link report");
    // As many scripts as without such names.
    let plain = super::page(&report("app"), &Given::default(), &[], None).unwrap();
    assert_eq!(page.matches("<script").count(), plain.matches("<script").count());
    assert_eq!(page.matches("</script").count(), plain.matches("</script").count());
}

#[test]
fn parts_that_were_not_given_are_absent() {
    let page = page(&report("app"), &Given::default(), &[], None).unwrap();
    let data = data(&page);
    assert_eq!((data.get("label"), data["artifacts"][0].get("why"), data["artifacts"][0].get("contents")), (None, None, None));
    assert_eq!(data["artifacts"][0]["crates"][0]["bytes"], 7);
}

#[test]
fn needs_nothing_else() {
    let page = page(&report("app"), &Given::default(), &[], None).unwrap();
    for word in ["http:", "https:", "src=", "@import", "url(", "innerHTML", "outerHTML", "document.write", "Date"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("{{"), "a place is left in the template");
}

#[test]
fn the_same_input_the_same_page() {
    let of = || page(&report("app"), &Given { now: vec![sizes("app", "bin")], before: Vec::new() }, &[], None).unwrap();
    assert_eq!(of(), of());
}

#[test]
fn sizes_of_something_else() {
    let of = |now: &[(&str, &str)], before: &[(&str, &str)]| {
        let files = |given: &[(&str, &str)]| given.iter().map(|(name, crate_type)| sizes(name, crate_type)).collect();
        let sizes = Given { now: files(now), before: files(before) };
        page(&report("app"), &sizes, &[], None).map(|page| data(&page)["artifacts"][0]["contents"]["compared"].clone())
    };
    assert_eq!(of(&[("app", "bin")], &[]).unwrap(), false);
    assert_eq!(of(&[("app", "bin")], &[("app", "bin")]).unwrap(), true);
    for (now, before, why) in [
        (&[("other", "bin")][..], &[][..], "--sizes names a file about the bin `other`, and the link report has none"),
        (&[("app", "cdylib")], &[], "--sizes names a file about the cdylib `app`, and the link report has none"),
        (&[("app", "bin"), ("app", "bin")], &[], "--sizes names a file about the bin `app`, and another one is, too"),
        (&[], &[("app", "bin")], "--sizes-before names a file about the bin `app`, and --sizes none"),
    ] {
        let said = format!("{:#}", of(now, before).unwrap_err());
        assert!(said.contains(why) && said.contains("help: "), "{said}");
    }
}
