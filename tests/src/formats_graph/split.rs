//! The cases by splitlink: every crate is compiled once, whatever the case; link-only is then
//! offered what the case offers.

use super::case::{Case, Form, Shape};
use super::lab::{Lab, recording};
use super::outcome::{Line, Outcome, Refusal, Taken, refusal_by_splitlink};
use super::reference::{Inner, top_folder};
use super::source;
use crate::rustc_fixture::tools::{Once, run, succeed};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The folder of what `shape`'s crates are compiled to.
fn folder(shape: &Shape) -> String {
    format!("split/{}", shape.name)
}

/// rustc's command for a crate; its dependencies are named where nothing is.
fn command(lab: &Lab, name: &str, source: &str, crate_type: &str, direct: &[usize]) -> Vec<String> {
    let mut args = vec![lab.toolchain.rustc.to_string_lossy().into_owned()];
    args.extend(["--edition=2024", "-Awarnings", "--emit=link", "--crate-name", name, source, "--out-dir=absent"].map(str::to_owned));
    args.extend([format!("--crate-type={crate_type}"), "-Ldependency=absent".to_owned()]);
    args.extend(lab.quick().iter().map(|&flag| flag.to_owned()));
    args.extend(direct.iter().map(|&place| format!("--extern={}=absent/lib{}.rlib", source::name(place), source::identity(place))));
    args
}

fn library_command(lab: &Lab, shape: &Shape, place: usize) -> Vec<String> {
    let name = source::name(place);
    let mut args = command(lab, &name, &format!("{}/{name}.rs", folder(shape)), "rlib", shape.inner[place]);
    args.extend(["-Cmetadata=1", "-Cextra-filename=-1"].map(str::to_owned));
    args
}

fn metadata_options(shape: &Shape, places: &[usize]) -> Vec<String> {
    shape.below(places).iter().map(|&place| format!("--metadata={}/lib{}.rmeta", folder(shape), source::identity(place))).collect()
}

/// Compiles the inner crate at `place` and plans its dylib.
fn compile(lab: &Lab, shape: &Shape, place: usize) -> Result<()> {
    static COMPILED: Once<()> = Once::new();
    let (dir, id, name) = (folder(shape), source::identity(place), source::name(place));
    COMPILED.get(&format!("{}/{dir}/{id}", lab.dir.display()), || {
        for &below in shape.inner[place] {
            compile(lab, shape, below)?;
        }
        lab.write(&format!("{dir}/{name}.rs"), &lab.inner(shape, place))?;
        let (rmeta, rlib) = (format!("{dir}/lib{id}.rmeta"), format!("{dir}/lib{id}.rlib"));
        let below = metadata_options(shape, shape.inner[place]);
        let library = library_command(lab, shape, place);
        let phase = |options: &[&str], metadata: &[String]| succeed(lab.splitlink(options).args(metadata).arg("--").args(&library));
        let interface: &[&str] = if lab.with_interfaces.is_some() { &["--interface"] } else { &[] };
        phase(&[&["metadata", "--output", &rmeta], interface].concat(), &below)?;
        phase(&[&["codegen", "--output", &rlib, "--published-metadata", &rmeta], interface].concat(), &below)?;
        let (plan, modules) = (format!("{dir}/{name}.plan.json"), format!("{dir}/{name}.modules"));
        phase(&["no-link", "--dylib-of", &rmeta, "--plan", &plan, "--modules", &modules], &metadata_options(shape, &[place]))?;
        Ok(())
    })?;
    Ok(())
}

/// The folder of the dylib of the inner crate at `place`, named by all that it depends on.
fn dylib_folder(shape: &Shape, place: usize, forms: &[Form], prefer_dynamic: bool) -> String {
    let forms: Vec<String> = shape.below(shape.inner[place]).iter().map(|&below| forms[below].to_string()).collect();
    let prefer = if prefer_dynamic { "dynamic" } else { "static" };
    format!("{}/{}-{prefer}-{}", folder(shape), source::name(place), forms.join("-"))
}

/// The inner dylibs of `case`, in order.
pub fn dylibs(case: &Case) -> Vec<String> {
    let with_dylib = (0..case.forms.len()).filter(|&place| case.forms[place].dylib());
    let dir = |place| dylib_folder(case.shape, place, &case.forms, case.prefer.inner);
    with_dylib.map(|place| format!("{}/lib{}.so", dir(place), source::identity(place))).collect()
}

/// link-only with what the case offers below `direct`.
fn link_only(lab: &Lab, case: &Case, direct: &[usize], prefer_dynamic: bool) -> Command {
    let mut link = lab.splitlink(&["link-only", "--std-manifest=std.json"]);
    link.arg("--sysroot").arg(&lab.toolchain.sysroot);
    for place in case.shape.below(direct) {
        let id = source::identity(place);
        if case.forms[place].rlib() {
            link.arg(format!("--rlib={}/lib{id}.rlib", folder(case.shape)));
        }
        if case.forms[place].dylib() {
            link.arg(format!("--dylib={}/lib{id}.so", dylib_folder(case.shape, place, &case.forms, case.prefer.inner)));
        }
    }
    if prefer_dynamic {
        link.arg("--prefer-dynamic");
    }
    link
}

fn dylib(lab: &Lab, case: &Case, place: usize) -> Result<&'static Inner> {
    static LINKED: Once<Inner> = Once::new();
    let (shape, name, id) = (case.shape, source::name(place), source::identity(place));
    let dir = dylib_folder(shape, place, &case.forms, case.prefer.inner);
    LINKED.get(&format!("{}/{dir}", lab.dir.display()), || {
        lab.make_dir(&dir)?;
        let mut link = link_only(lab, case, shape.inner[place], case.prefer.inner);
        link.arg(format!("--rlib={}/lib{id}.rlib", folder(shape)));
        link.arg(format!("--plan={0}/{name}.plan.json", folder(shape))).arg(format!("--modules={0}/{name}.modules", folder(shape)));
        match linked(lab, link, &name, &dir, &format!("lib{id}.so"), shape)? {
            Ok(line) => Ok(Inner { line: Some(line), refusal: None }),
            Err(refusal) => Ok(Inner { line: None, refusal: Some(refusal) }),
        }
    })
}

/// Links `name` and reads the line: what the linker was told, which must be what the report says.
fn linked(lab: &Lab, mut link: Command, name: &str, dir: &str, file: &str, shape: &Shape) -> Result<Result<Line, Refusal>> {
    let (output, report, record) = (format!("{dir}/{file}"), format!("{dir}/{name}.report.json"), format!("{dir}/{name}.record"));
    link.args(["--output", &output, "--report", &report]);
    let result = run(recording(&mut link, lab, &record))?;
    if !result.status.success() {
        ensure!(!lab.dir.join(&output).exists(), "link-only fails and leaves `{output}`");
        return refusal_by_splitlink(name, &String::from_utf8_lossy(&result.stderr)).map(Err);
    }
    let is_archive = Path::new(file).extension().is_some_and(|extension| extension == "a");
    let mut line = if is_archive { lab.archived(&output)? } else { lab.recorded(&record)? };
    // An inner crate's own objects come from its rlib.
    line.retain(|(id, _)| *id != format!("{name}-1"));
    let report = fs::read(lab.dir.join(&report)).with_context(|| format!("no report `{report}`"))?;
    check_report(&serde_json::from_slice(&report)?, &line, is_archive, shape).with_context(|| format!("the report of {name}"))?;
    Ok(Ok(line))
}

/// Checks that a report says what was linked.
fn check_report(report: &Value, line: &Line, is_archive: bool, shape: &Shape) -> Result<()> {
    let crates = report["artifacts"][0]["crates"].as_array().context("it has no crates")?;
    let text = |of: &Value, key: &str| of[key].as_str().unwrap_or_default().to_owned();
    let said: BTreeMap<String, String> = crates.iter().map(|entry| (text(entry, "crate"), text(entry, "linkage"))).collect();
    for (id, taken) in line {
        let linkage = if *taken == Taken::Rlib { "static" } else { "dynamic" };
        ensure!(said.get(id).is_some_and(|said| said == linkage), "{id} is linked as {taken:?}, and it says {:?}", said.get(id));
    }
    for (id, linkage) in &said {
        let is_there = line.iter().any(|(linked, _)| linked == id);
        match linkage.as_str() {
            // An archive has no member of a crate without code.
            "static" => ensure!(is_there || (is_archive && id.starts_with("rustc_std_workspace")), "it says that {id} is linked"),
            "dynamic" => ensure!(is_there, "it says that {id} is linked"),
            "included-from-dylib" | "not-linked" => ensure!(!is_there, "it says that {id} is {linkage}"),
            other => ensure!(false, "it says that {id} is {other}"),
        }
        let is_inner = (0..shape.inner.len()).any(|place| source::identity(place) == *id);
        ensure!(!is_inner || linkage != "not-linked", "it says that {id} is not linked, and it is used");
    }
    Ok(())
}

/// Compiles the linked crate of `shape` and plans its link, once for all forms.
fn plan(lab: &Lab, shape: &Shape, crate_type: &str) -> Result<()> {
    static PLANNED: Once<()> = Once::new();
    let dir = folder(shape);
    PLANNED.get(&format!("{}/{dir}/{crate_type}", lab.dir.display()), || {
        let source = format!("{dir}/top-{crate_type}.rs");
        lab.write(&source, &lab.top(shape, crate_type))?;
        let mut args = command(lab, "top", &source, crate_type, shape.top);
        if crate_type == "proc-macro" {
            args.push("--extern=proc_macro".to_owned());
        }
        let (plan, modules) = (format!("{dir}/{crate_type}.plan.json"), format!("{dir}/{crate_type}.modules"));
        let mut no_link = lab.splitlink(&["no-link", "--plan", &plan, "--modules", &modules]);
        succeed(no_link.args(metadata_options(shape, shape.top)).arg("--").args(args))?;
        Ok(())
    })?;
    Ok(())
}

/// What splitlink makes of `case`; the artifact, called `top`, stays if the lab links.
///
/// # Errors
/// If splitlink fails for a reason that is not about the forms of crates, or its report is wrong.
pub fn outcome(lab: &Lab, case: &Case) -> Result<Outcome> {
    let shape = case.shape;
    let mut outcome = Outcome::default();
    for place in 0..shape.inner.len() {
        compile(lab, shape, place)?;
        if case.forms[place].dylib() {
            let inner = dylib(lab, case, place)?;
            outcome.lines.extend(inner.line.clone().map(|line| (source::name(place), line)));
            if inner.refusal.is_some() {
                outcome.refusal.clone_from(&inner.refusal);
                return Ok(outcome);
            }
        }
    }
    plan(lab, shape, case.crate_type)?;
    let dir = format!("split/{}", top_folder(case));
    lab.make_dir(&dir)?;
    let mut link = link_only(lab, case, shape.top, case.prefer.top);
    link.arg(format!("--plan={0}/{1}.plan.json", folder(shape), case.crate_type));
    link.arg(format!("--modules={0}/{1}.modules", folder(shape), case.crate_type));
    let file = match case.crate_type {
        "staticlib" => "libtop.a",
        "bin" => "top",
        _ => "libtop.so",
    };
    match linked(lab, link, "top", &dir, file, shape)? {
        Ok(line) => drop(outcome.lines.insert("top".to_owned(), line)),
        Err(refusal) => outcome.refusal = Some(refusal),
    }
    if !lab.links {
        fs::remove_dir_all(lab.dir.join(&dir)).with_context(|| format!("cannot remove `{dir}`"))?;
    }
    Ok(outcome)
}
