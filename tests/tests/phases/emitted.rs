//! What a command has rustc write besides metadata and code that is linked comes out as rustc's
//! own, and files that rustc says it has written are there.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, run};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Output;

type Outcome = Result<(), Failure>;

const NO_LINK: &str = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";

/// A project with a program of several sources.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(&format!("emitted_{name}"))?;
    project.write(
        "app.rs",
        "mod part;\n#[path = \"with space.rs\"]\nmod other;\nfn main() { part::print(include_str!(\"text\")); other::f(); }\n",
    )?;
    project.write("part.rs", "pub fn print(text: &str) { println!(\"{text} {} {:?}\", dep::plain(), option_env!(\"LANG\")); }\n")?;
    project.write("with space.rs", "#[inline(never)]\npub fn f() {}\n")?;
    project.write("text", "some text")?;
    project.build_dep()?;
    Ok(project)
}

fn command(emit: &str, deps: &str) -> Vec<String> {
    words(&format!("--crate-name=app app.rs --edition=2024 -Cmetadata=2 --extern=dep={deps}/libdep-1.rlib -Ldependency={deps} {emit}"))
}

/// The files of the folder `made`, which then is empty.
fn taken(project: &Project) -> Result<BTreeMap<String, Vec<u8>>> {
    let dir = project.dir.join("made");
    let files = names_in(&dir).into_iter().filter(|name| dir.join(name).is_file());
    let files = files.map(|name| Ok((name.clone(), fs::read(dir.join(name))?))).collect::<Result<_>>()?;
    fs::remove_dir_all(&dir)?;
    fs::create_dir(&dir)?;
    Ok(files)
}

/// Dependency information without its first rule, which must be for `own`.
fn without_own(text: &[u8], own: &str) -> Result<String> {
    let text = String::from_utf8(text.to_vec())?;
    let (rule, rest) = text.split_once("\n\n").context("there is no rule")?;
    ensure!(rule.starts_with(&format!("{own}: ")), "the first rule is not for `{own}`:\n{text}");
    Ok(rest.to_owned())
}

/// Compares what no-link writes for `emit` with what rustc does, but for what is linked, which is
/// `linked`.
fn compare(project: &Project, emit: &str, linked: &[&str]) -> Result<()> {
    fs::create_dir_all(project.dir.join("made"))?;
    good(&project.compile(NO_LINK, &command(emit, "absent"))?)?;
    let ours = taken(project)?;
    good(&project.rustc(&command(emit, "out"))?)?;
    let mut expected = taken(project)?;
    for linked in linked {
        ensure!(expected.remove(*linked).is_some(), "rustc makes no `{linked}`");
        ensure!(!ours.contains_key(*linked), "no-link makes `{linked}`");
    }
    ensure!(ours.keys().eq(expected.keys()), "no-link writes {:?}, and rustc {:?}", ours.keys(), expected.keys());
    for (name, bytes) in expected {
        if name.ends_with(".d") {
            let expected = String::from_utf8(bytes)?;
            let ours = without_own(&ours[&name], "out/plan.json")?;
            ensure!(ours == expected, "`{name}` has\n{ours}\nand rustc's\n{expected}");
        } else {
            ensure!(ours[&name] == bytes, "`{name}` differs from rustc's");
        }
    }
    Ok(())
}

#[test]
fn dependency_information() -> Outcome {
    let project = project("dep_info")?;
    for (emit, linked) in [
        ("--emit=dep-info,link --out-dir=made", &["app"][..]),
        ("--emit=dep-info,link --out-dir made -Cextra-filename=-3", &["app-3"]),
        ("--emit=dep-info,link -o made/app", &["app"]),
        ("--emit=dep-info=made/x.d --emit=link=made/y", &["y"]),
        ("--emit=dep-info,link=made/y -o made/z.d", &["y"]),
        ("--emit=dep-info,metadata,link --out-dir=made", &["app"]),
        ("--emit=dep-info,metadata=made/m,link --out-dir=made -Cincremental=incremental", &["app"]),
        ("--emit=dep-info,link --out-dir=made --test", &["app"]),
        ("--emit=dep-info,link --out-dir=made --crate-type=cdylib,staticlib", &["libapp.so", "libapp.a"]),
        ("--emit=dep-info,link --out-dir=made --crate-type=dylib", &["libapp.so"]),
    ] {
        compare(&project, emit, linked).with_context(|| emit.to_owned())?;
    }
    Ok(())
}

#[test]
fn code_in_other_forms() -> Outcome {
    let project = project("code")?;
    for emit in [
        "--emit=obj,asm,llvm-ir,llvm-bc,mir,link --out-dir=made",
        "--emit=obj,link,dep-info -o made/app",
        "--emit=asm=made/a,link --out-dir=made -Copt-level=2",
        "--emit=obj,link --out-dir=made -Ccodegen-units=4",
        "--emit=link --out-dir=made -Csave-temps",
    ] {
        compare(&project, emit, &["app"]).with_context(|| emit.to_owned())?;
        // What is asked for as well changes the code that is linked.
        good(&project.link_only()?)?;
        good(&project.rustc(&command(emit, "out"))?)?;
        assert!(project.read("out/artifact")? == project.read("made/app")?, "{emit}: the program differs from rustc's");
        taken(&project)?;
    }
    Ok(())
}

#[test]
fn of_a_library() -> Outcome {
    Ok(library()?)
}

fn library() -> Result<()> {
    let project = project("library")?;
    fs::create_dir_all(project.dir.join("made"))?;
    let base = "--crate-name=dep dep.rs --crate-type=rlib --edition=2024 -Cmetadata=1 -Cextra-filename=-1 -Cembed-bitcode=no";
    for emit in [
        "--emit=dep-info,metadata,link --out-dir=made",
        "--emit=dep-info=made/x.d,metadata,link,obj,asm --out-dir=made",
        "--emit=dep-info,metadata,link,mir --out-dir=made",
    ] {
        let compare = || -> Result<()> {
            let args = words(&format!("{base} {emit}"));
            good(&project.rustc(&args)?)?;
            let mut expected = taken(&project)?;
            let [_, _] = ["libdep-1.rmeta", "libdep-1.rlib"].map(|name| expected.remove(name));
            good(&project.compile("metadata --output out/libdep-1.rmeta", &args)?)?;
            let of_metadata = taken(&project)?;
            good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &args)?)?;
            let ours = taken(&project)?;
            ensure!(ours.keys().eq(expected.keys()), "codegen writes {:?}, and rustc {:?}", ours.keys(), expected.keys());
            ensure!(of_metadata.len() == 1, "metadata writes {:?}", of_metadata.keys());
            for (name, bytes) in expected {
                if name.ends_with(".d") {
                    let expected = String::from_utf8(bytes)?;
                    for (own, text) in [("out/libdep-1.rmeta", &of_metadata[&name]), ("out/libdep-1.rlib", &ours[&name])] {
                        let ours = without_own(text, own)?;
                        ensure!(ours == expected, "{own}: `{name}` has\n{ours}\nand rustc's\n{expected}");
                    }
                } else {
                    ensure!(ours[&name] == bytes, "`{name}` differs from rustc's");
                }
            }
            Ok(())
        };
        compare().with_context(|| emit.to_owned())?;
    }
    Ok(())
}

#[test]
fn to_standard_output() -> Outcome {
    let project = project("stdout")?;
    let emit = "--emit=dep-info=-,link --out-dir=made";
    fs::create_dir_all(project.dir.join("made"))?;
    let expected = project.rustc(&command(emit, "out"))?;
    let ours = project.compile(NO_LINK, &command(emit, "absent"))?;
    good(&expected)?;
    good(&ours)?;
    assert_eq!(without_own(&ours.stdout, "out/plan.json")?, String::from_utf8_lossy(&expected.stdout));
    Ok(())
}

/// What cannot be had, and what must not be overwritten.
#[test]
fn refusals() -> Outcome {
    let project = project("emitted_refusals")?;
    for kind in ["obj", "asm", "llvm-ir", "llvm-bc=made/x"] {
        let output = project.compile(&format!("{NO_LINK} --lto"), &command(&format!("--emit=link,{kind} --out-dir=made"), "absent"))?;
        let kind = kind.split('=').next().unwrap_or_default();
        refused(&output, &["the crate `app` is compiled for LTO", &format!("`--emit={kind}`")])?;
    }
    let output = project.compile(NO_LINK, &command("--emit=link,dep-info=app.rs", "absent"))?;
    refused(&output, &["what `--emit=dep-info` asks for would be written to `app.rs`, over the source"])?;
    let output =
        project.compile("metadata --output out/other.rmeta", &[project.library("dep"), words("--emit=dep-info=dep.rs")].concat())?;
    refused(&output, &["what `--emit=dep-info` asks for would be written to `dep.rs`, over the source"])?;
    project.nothing_left(&["out/plan.json", "out/modules", "out/other.rmeta", "made"])?;
    Ok(())
}

/// The files that `output`'s notifications name, by kind.
fn notified(output: &Output) -> Result<BTreeSet<(String, String)>> {
    good(output)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let artifacts = messages.filter(|message| message["$message_type"] == "artifact");
    let part = |message: &Value, key: &str| message[key].as_str().unwrap_or_default().to_owned();
    Ok(artifacts.map(|message| (part(&message, "emit"), part(&message, "artifact"))).collect())
}

#[test]
fn notifications_name_what_is_there() -> Outcome {
    Ok(notifications()?)
}

fn notifications() -> Result<()> {
    let project = project("notifications")?;
    fs::create_dir_all(project.dir.join("made"))?;
    let json = "--error-format=json --json=artifacts --out-dir=made";
    let expect = |output: Output, expected: &[(&str, &str)]| -> Result<()> {
        let expected: BTreeSet<_> = expected.iter().map(|(kind, path)| ((*kind).to_owned(), (*path).to_owned())).collect();
        let found = notified(&output)?;
        ensure!(found == expected, "{found:?} and not {expected:?}");
        for (_, path) in found {
            ensure!(project.has(&path), "`{path}` is not there");
        }
        Ok(())
    };
    let library =
        words(&format!("--crate-name=dep dep.rs --crate-type=rlib --edition=2024 -Cmetadata=1 --emit=dep-info,metadata,link,obj {json}"));
    let output = project.compile("metadata --output out/libdep-1.rmeta", &library)?;
    expect(output, &[("dep-info", "made/dep.d")]).context("metadata")?;
    let output = project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &library)?;
    expect(output, &[("obj", "made/dep.o"), ("link", "out/libdep-1.rlib")]).context("codegen")?;
    let args = command(&format!("--emit=dep-info,link,obj {json}"), "absent");
    let output = project.compile(NO_LINK, &args)?;
    expect(output, &[("dep-info", "made/app.d"), ("obj", "made/app.o")]).context("no-link")?;
    // As rustc has it, but for what is linked.
    let reference = notified(&project.rustc(&command(&format!("--emit=dep-info,link,obj {json}"), "out"))?)?;
    let paths: BTreeSet<_> = reference.iter().map(|(_, path)| path.as_str()).collect();
    ensure!(paths == BTreeSet::from(["made/app", "made/app.d", "made/app.o"]), "rustc names {reference:?}");
    // And as text for people, with the same messages.
    project.write("app.rs", "fn unused() {}\nfn main() {}\n")?;
    let text = words("--error-format=human --json=artifacts");
    let output =
        run(project.splitlink(&words(NO_LINK)).arg("--").arg(&Toolchain::stable().rustc).args([command("", "absent"), text].concat()))?;
    ensure!(!output.status.success(), "rustc takes `--json` without its format");
    Ok(())
}
