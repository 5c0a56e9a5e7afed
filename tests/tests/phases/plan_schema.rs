//! The link plan's documents: what splitlink writes fits the schema, what it must not write does
//! not, and code, schema and page name the same kinds and fields.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use splitlink_tests::rustc_fixture::graph::build_native;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::schema::{fields_of, schema_of, structs_in, validate, version_in};
use splitlink_tests::rustc_fixture::tools::{Failure, repository};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Outcome = Result<(), Failure>;

/// Kind → its fields.
type Kinds = BTreeMap<String, BTreeSet<String>>;

/// Plans of every crate type, which have every kind of item between them.
fn plans(project: &Project) -> Result<Vec<(&'static str, Value)>> {
    build_native(&project.dir.join("native"))?;
    project.write(
        "dep.rs",
        "unsafe extern \"C\" { safe fn c_sum(a: i32, b: i32) -> i32; }\npub fn plain() -> u64 { c_sum(40, 2) as u64 }\n",
    )?;
    project.write("app.rs", "fn main() { println!(\"{}\", dep::plain()); }\n")?;
    let macros =
        "#[proc_macro]\npub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream { dep::plain().to_string().parse().unwrap() }\n";
    project.write("macros.rs", macros)?;
    let dep = [project.library("dep"), words("-lstatic:+whole-archive=sum -Lnative=native")].concat();
    good(&project.compile("metadata --output out/libdep-1.rmeta", &dep)?)?;
    let mut plans = Vec::new();
    for (name, source, crate_type, options, flags) in [
        ("bin", "app", "bin", "--run-path-dir absent/lib", "-Clink-arg=-Wl,-z,nodelete -Clink-arg=-Wl,-rpath,$ORIGIN/lib"),
        ("test", "app", "bin", "", "--test"),
        ("cdylib", "library", "cdylib", "", ""),
        ("staticlib", "library", "staticlib", "", "-lstatic=sum -Lnative=native"),
        ("dylib", "library", "dylib", "", "-Cprefer-dynamic"),
        ("proc-macro", "macros", "proc-macro", "", "--extern=proc_macro"),
        ("several", "library", "cdylib,staticlib", "", ""),
        ("staticlib with LTO", "library", "staticlib", "--lto", "-Copt-level=s -Cllvm-args=-inline-threshold=9"),
        ("several with LTO", "library", "staticlib,cdylib,dylib", "--lto", "-O"),
    ] {
        let _ = fs::remove_dir_all(project.dir.join("out/modules"));
        let options = format!("no-link {options} --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta");
        good(&project.compile(&options, &[project.linked(source, crate_type), words(flags)].concat())?).context(name)?;
        let plan = serde_json::from_slice(&project.read("out/plan.json")?)?;
        is_whole(&plan, &project.dir.join("out/modules")).context(name)?;
        plans.push((name, plan));
    }
    let _ = fs::remove_dir_all(project.dir.join("out/modules"));
    let options = "no-link --dylib-of out/libdep-1.rmeta --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    good(&project.compile(options, &dep)?)?;
    let plan = serde_json::from_slice(&project.read("out/plan.json")?)?;
    is_whole(&plan, &project.dir.join("out/modules")).context("dylib of a library")?;
    plans.push(("dylib of a library", plan));
    Ok(plans)
}

pub(crate) fn items(plan: &Value) -> impl Iterator<Item = &Value> {
    let links = plan["links"].as_array().into_iter().flatten();
    links.flat_map(|link| link["line"].as_array().into_iter().flatten())
}

/// What a schema cannot say: plan and folder of modules have the same files, and lines and list the
/// same crates.
fn is_whole(plan: &Value, modules: &Path) -> Result<()> {
    let all = |field: &'static str, of: &'static str| -> BTreeSet<&str> {
        items(plan).filter(|item| of.is_empty() || item["kind"] == of).filter_map(|item| item[field].as_str()).collect()
    };
    let listed: BTreeSet<&str> = plan["crates"].as_array().into_iter().flatten().filter_map(|c| c["id"].as_str()).collect();
    let linked: BTreeSet<&str> = all("id", "crate").union(&all("id", "whole-crate")).copied().collect();
    ensure!(linked == listed, "listed are {listed:?}, linked {linked:?}");
    for kind in ["bundled-library", "crate-metadata"] {
        ensure!(all("id", kind).is_subset(&listed), "{kind}: {:?}", all("id", kind));
    }
    for item in items(plan).filter(|item| item["file"] == "dylib/rmeta.o") {
        let crates = item["formats"]["crates"].as_array().context("a dylib's metadata lists formats")?;
        ensure!(listed.iter().all(|id| crates.iter().any(|c| c == id)), "listed are {listed:?}, in the metadata {crates:?}");
    }
    let unlinked: BTreeSet<&str> = plan["unlinked"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ensure!(unlinked.is_disjoint(&listed), "listed are {listed:?}, unlinked {unlinked:?}");
    let mut there = BTreeSet::new();
    files_below(modules, "", &mut there)?;
    let named: BTreeSet<String> = all("file", "").into_iter().map(str::to_owned).collect();
    ensure!(named == there, "the plan names {named:?}, and there are {there:?}");
    Ok(())
}

fn files_below(dir: &Path, prefix: &str, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            files_below(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.insert(name);
        }
    }
    Ok(())
}

/// The kinds of items that only plans for Windows have.
pub(crate) const OF_WINDOWS: [&str; 3] = ["module-definition", "import-library", "output-import-library"];

#[test]
fn plans_of_every_crate_type_fit() -> Outcome {
    let schema = schema_of("link-plan")?;
    let mut seen = BTreeSet::new();
    for (name, plan) in plans(&Project::new("plans")?)? {
        validate(&schema, &plan).context(name)?;
        seen.extend(items(&plan).filter_map(|item| item["kind"].as_str().map(str::to_owned)));
    }
    // The tests of that target see to them.
    seen.extend(OF_WINDOWS.map(str::to_owned));
    let known: BTreeSet<String> = kinds_in_code()?.into_keys().collect();
    assert_eq!(seen, known, "every kind of item is in some plan");
    Ok(())
}

#[test]
fn the_schema_refuses_what_is_no_plan() -> Outcome {
    let schema = schema_of("link-plan")?;
    let stamp = "0123456789abcdef0123456789abcdef";
    let plan = json!({
        "version": 5, "crate_name": "app", "crates": [{"id": "dep-1", "stamp": stamp}], "unlinked": ["macros-1"], "prefer_dynamic": false,
        "linker_messages": "warn", "print_link_args": true, "own_allocator": true, "lto": {"opt_level": "s", "llvm_args": ["-x"]},
        "links": [
            {"crate_type": "bin", "file_name": "app", "output_dir": "", "linker": "cc", "line": [
                {"kind": "module", "file": "a.o"}, {"kind": "crate", "id": "dep-1"}, {"kind": "output"}]},
            {"crate_type": "staticlib", "file_name": "libapp.a", "line": [{"kind": "module", "file": "a.o"}]}
        ]
    });
    validate(&schema, &plan)?;
    let table = [
        ("/version", json!(1)),
        ("/version", json!("3")),
        ("/crate_name", json!("")),
        ("/crates", json!({})),
        ("/crates/0/id", json!("a/b")),
        ("/crates/0/stamp", json!("12")),
        ("/crates/0/stamp", json!(stamp.to_uppercase())),
        ("/unlinked", json!(null)),
        ("/unlinked/0", json!("a/b")),
        ("/prefer_dynamic", json!("no")),
        ("/own_allocator", json!(null)),
        ("/links", json!([])),
        ("/links/0/crate_type", json!("rlib")),
        ("/links/0/crate_type", json!("staticlib")),
        ("/links/0/file_name", json!("/usr/bin/app")),
        ("/links/0/linker", json!(null)),
        ("/links/0/line/0/kind", json!("something")),
        ("/links/0/line/0/file", json!("/tmp/a.o")),
        ("/links/0/line/0", json!({"kind": "module"})),
        ("/links/0/line/0", json!({"kind": "module", "file": "a.o", "more": 1})),
        ("/links/0/line/0", json!({"kind": "archived-library", "name": "z", "verbatim": false})),
        ("/links/0/line/1", json!({"kind": "bundled-library", "id": "dep-1", "member": "libz.a"})),
        ("/links/0/line/1", json!({"kind": "whole-crate"})),
        ("/links/1/line/0", json!({"kind": "whole-crate", "id": "dep-1"})),
        ("/links/1/line/0", json!({"kind": "crate-metadata", "id": "dep-1"})),
        ("/links/0/line/1", json!({"kind": "metadata-object", "file": "a.o", "formats": {"offset": 1}})),
        ("/links/1/crate_type", json!("cdylib")),
        ("/links/1/line/0", json!({"kind": "symbols-object", "file": "a.o"})),
        ("/links/1/line/0", json!({"kind": "output"})),
        ("/links/0/output_dir", json!(null)),
        ("/links/1", json!({"crate_type": "staticlib", "file_name": "a", "linker": "cc", "line": []})),
        ("/links/1", json!({"crate_type": "staticlib", "file_name": "a", "output_dir": "", "line": []})),
        ("/linker_messages", json!("allow")),
        ("/print_link_args", json!(false)),
        ("/lto/opt_level", json!("4")),
        ("/lto", json!({"opt_level": "2"})),
        ("/links/0/line/0", json!({"kind": "exported-symbols", "file": "list"})),
        ("", json!({"version": 5})),
    ];
    for (at, value) in table {
        let mut broken = plan.clone();
        *broken.pointer_mut(at).expect("it is in the plan") = value.clone();
        assert!(validate(&schema, &broken).is_err(), "{at} may be {value}");
    }
    Ok(())
}

fn kinds_in_code() -> Result<Kinds> {
    let code = fs::read_to_string(repository().join("tools/splitlink/src/plan/mod.rs"))?;
    let (_, body) = code.split_once("pub enum Item {\n").context("plan.rs has no enum `Item`")?;
    let (body, _) = body.split_once("\n}\n").context("the enum `Item` does not end")?;
    let mut kinds = Kinds::new();
    let mut kind = String::new();
    for line in body.lines() {
        match line.strip_prefix("        ") {
            Some(field) => {
                if let Some((name, _)) = field.split_once(": ").filter(|(name, _)| !name.starts_with('/')) {
                    kinds.entry(kind.clone()).or_default().insert(name.to_owned());
                }
            }
            None if line.trim_start().starts_with(char::is_uppercase) => {
                kind = kebab_case(line.trim().trim_end_matches([' ', '{', ',']));
                kinds.entry(kind.clone()).or_default();
            }
            None => {}
        }
    }
    Ok(kinds)
}

fn kebab_case(name: &str) -> String {
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && at > 0 {
            text.push('-');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[test]
fn code_and_schema_agree() -> Outcome {
    let schema = schema_of("link-plan")?;
    let definitions = schema["$defs"].as_object().context("the schema has no definitions")?;
    let in_schema: Kinds = definitions
        .values()
        .filter_map(|definition| {
            let kind = definition["properties"]["kind"]["const"].as_str()?;
            let mut fields = fields_of(definition);
            fields.remove("kind");
            Some((kind.to_owned(), fields))
        })
        .collect();
    assert_eq!(kinds_in_code()?, in_schema);
    let structs = structs_in("plan/mod.rs")?;
    assert_eq!(structs["LinkPlan"], fields_of(&schema));
    assert_eq!(structs["LtoOptions"], fields_of(&definitions["lto-options"]));
    assert_eq!(structs["Crate"], fields_of(&definitions["rust-crate"]));
    assert_eq!(structs["MetadataFormats"], fields_of(&definitions["metadata-formats"]));
    assert_eq!(structs["Link"], fields_of(&definitions["link"]));
    assert!(fields_of(&definitions["archive"]).is_subset(&structs["Link"]));
    // No kind is in the schema without a place where it may stand.
    let text = schema.to_string();
    for kind in in_schema.keys() {
        assert!(text.contains(&format!("{{\"$ref\":\"#/$defs/{kind}\"}}")), "`{kind}` may stand nowhere");
    }
    Ok(())
}

#[test]
fn code_and_page_agree() -> Outcome {
    let page = fs::read_to_string(repository().join("docs/link-plan.md"))?;
    let mut in_page = Kinds::new();
    let (_, table) = page.split_once("\n## Items\n").context("the page has no items")?;
    for row in
        table.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| `") && !line.starts_with("| `kind`"))
    {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`'));
        let kind = cells.next().unwrap_or_default().to_owned();
        let fields = cells.next().unwrap_or_default().split("`, `").filter(|field| !field.is_empty());
        in_page.insert(kind, fields.map(str::to_owned).collect());
    }
    assert_eq!(kinds_in_code()?, in_page);
    for (name, fields) in structs_in("plan/mod.rs")? {
        for field in fields {
            assert!(page.contains(&format!("\n| `{field}` | ")), "the page does not describe `{field}` of {name}");
        }
    }
    let code = fs::read_to_string(repository().join("tools/splitlink/src/plan/mod.rs"))?;
    let version = version_in("plan/mod.rs")?;
    assert!(page.starts_with(&format!("# The link plan, version {version}\n")));
    assert_eq!(schema_of("link-plan")?["properties"]["version"]["const"].to_string(), version);
    for placeholder in ["{sysroot}", "{modules}", "{file}"] {
        assert!(code.contains(&format!("\"{placeholder}\"")) && page.contains(&format!("- **`{placeholder}`**")), "{placeholder}");
    }
    Ok(())
}
