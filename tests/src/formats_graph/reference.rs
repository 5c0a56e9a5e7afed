//! The cases by rustc alone: it builds each inner crate in its forms, then links the top.

use super::case::{Case, Form, Shape};
use super::lab::{Lab, recording};
use super::outcome::{Line, Outcome, Refusal, refusal_by_rustc};
use super::source;
use crate::rustc_fixture::tools::{Once, run};
use anyhow::{Context, Result};
use std::fs;
use std::process::{Command, Output};

/// A build of an inner crate.
#[derive(Debug)]
pub struct Inner {
    /// Its dylib's line, if it has a dylib.
    pub line: Option<Line>,
    /// Why it could not be linked, if so.
    pub refusal: Option<Refusal>,
}

/// The folder of the inner crate at `place`, which is named by all that its build depends on.
fn folder(shape: &Shape, place: usize, forms: &[Form], prefer_dynamic: bool) -> String {
    let forms: Vec<String> = shape.below(&[place]).iter().map(|&below| forms[below].to_string()).collect();
    let prefer = if prefer_dynamic { "-dynamic" } else { "" };
    format!("reference/{}/{}-{}{prefer}", shape.name, source::name(place), forms.join("-"))
}

/// The arguments that offer a crate its dependencies, those at `direct` and all below, in their
/// forms.
fn offers(shape: &Shape, direct: &[usize], forms: &[Form], prefer_dynamic: bool) -> Vec<String> {
    let mut args = Vec::new();
    for &place in direct {
        let dir = folder(shape, place, forms, prefer_dynamic);
        for (is_offered, extension) in [(forms[place].rlib(), "rlib"), (forms[place].dylib(), "so")] {
            if is_offered {
                args.push(format!("--extern={}={dir}/lib{}.{extension}", source::name(place), source::identity(place)));
            }
        }
    }
    for place in shape.below(direct) {
        args.push(format!("-Ldependency={}", folder(shape, place, forms, prefer_dynamic)));
    }
    args
}

/// What rustc makes of `case`; the artifact stays where [`top`] puts it if the lab links.
///
/// # Errors
/// If rustc fails for a reason that is not about the forms of crates.
pub fn outcome(lab: &Lab, case: &Case) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for place in 0..case.shape.inner.len() {
        let inner = inner(lab, case, place)?;
        outcome.lines.extend(inner.line.clone().map(|line| (source::name(place), line)));
        if inner.refusal.is_some() {
            outcome.refusal.clone_from(&inner.refusal);
            return Ok(outcome);
        }
    }
    top(lab, case, &mut outcome)?;
    Ok(outcome)
}

fn inner(lab: &Lab, case: &Case, place: usize) -> Result<&'static Inner> {
    static BUILT: Once<Inner> = Once::new();
    let (shape, prefer) = (case.shape, case.prefer.inner);
    let dir = folder(shape, place, &case.forms, prefer);
    BUILT.get(&format!("{}/{dir}", lab.dir.display()), || {
        lab.make_dir(&dir)?;
        let name = source::name(place);
        let source = format!("{dir}/{name}.rs");
        lab.write(&source, &lab.inner(shape, place))?;
        let mut rustc = command(lab, &name, &source, &dir, prefer);
        rustc.args(["-Cmetadata=1", "-Cextra-filename=-1"]);
        rustc.args(case.forms[place].crate_types().iter().map(|crate_type| format!("--crate-type={crate_type}")));
        rustc.args(offers(shape, shape.inner[place], &case.forms, prefer));
        let record = format!("{dir}/record");
        let output = run(recording(&mut rustc, lab, &record))?;
        if let Some(refusal) = refused(&name, &output)? {
            return Ok(Inner { line: None, refusal: Some(refusal) });
        }
        let line = if case.forms[place].dylib() { Some(lab.recorded(&record)?) } else { None };
        Ok(Inner { line, refusal: None })
    })
}

/// The folders of the inner crates of `case`.
pub fn dylib_folders(case: &Case) -> Vec<String> {
    (0..case.forms.len()).map(|place| folder(case.shape, place, &case.forms, case.prefer.inner)).collect()
}

/// The inner dylibs of `case`, in order.
pub fn dylibs(case: &Case) -> Vec<String> {
    let with_dylib = (0..case.forms.len()).filter(|&place| case.forms[place].dylib());
    with_dylib
        .map(|place| format!("{}/lib{}.so", folder(case.shape, place, &case.forms, case.prefer.inner), source::identity(place)))
        .collect()
}

fn command(lab: &Lab, name: &str, source: &str, dir: &str, prefer_dynamic: bool) -> Command {
    let mut rustc = lab.rustc();
    rustc.args(["--edition=2024", "-Awarnings", "--color=never", "--crate-name", name, source, "--out-dir", dir]);
    if prefer_dynamic {
        rustc.arg("-Cprefer-dynamic");
    }
    rustc.args(lab.quick());
    rustc
}

fn refused(name: &str, output: &Output) -> Result<Option<Refusal>> {
    if output.status.success() {
        return Ok(None);
    }
    refusal_by_rustc(name, &String::from_utf8_lossy(&output.stderr)).map(Some)
}

/// Where rustc's artifact of `case` goes.
pub fn top_folder(case: &Case) -> String {
    let forms: Vec<String> = case.forms.iter().map(Form::to_string).collect();
    let prefer = format!("{}-{}", case.prefer.inner, case.prefer.top);
    format!("top/{}/{}-{prefer}-{}", case.shape.name, case.crate_type, forms.join("-"))
}

fn top(lab: &Lab, case: &Case, outcome: &mut Outcome) -> Result<()> {
    let dir = format!("reference/{}", top_folder(case));
    lab.make_dir(&dir)?;
    let source = format!("{dir}/top.rs");
    lab.write(&source, &lab.top(case.shape, case.crate_type))?;
    let mut rustc = command(lab, "top", &source, &dir, case.prefer.top);
    rustc.arg(format!("--crate-type={}", case.crate_type));
    rustc.args(offers(case.shape, case.shape.top, &case.forms, case.prefer.inner));
    if case.crate_type == "proc-macro" {
        rustc.arg("--extern=proc_macro");
    }
    let record = format!("{dir}/record");
    let output = run(recording(&mut rustc, lab, &record))?;
    outcome.refusal = refused("top", &output)?;
    if outcome.refusal.is_none() {
        let line = if case.crate_type == "staticlib" { lab.archived(&format!("{dir}/libtop.a"))? } else { lab.recorded(&record)? };
        outcome.lines.insert("top".to_owned(), line);
    }
    if !lab.links {
        fs::remove_dir_all(lab.dir.join(&dir)).with_context(|| format!("cannot remove `{dir}`"))?;
    }
    Ok(())
}
