//! `splitlink report`: a link report as one HTML file, which needs no network and no other file.
//!
//! What is in the artifact, why, and how it is linked. The page's own script draws it; all that it
//! shows is in the file as JSON. `docs/report.md` describes it.

mod dependencies;
mod sizes;

use crate::files::paths::Places;
use crate::files::scratch::{self, Scratch};
use crate::formats::edges::Edge;
use crate::formats::report::{Artifact, LinkReport, LtoGroup, PhaseTimes};
use crate::formats::short_names::ShortNames;
use crate::sizes::file::Sizes;
use anyhow::{Context, Result, bail};
use dependencies::Why;
use serde::Serialize;
use sizes::Contents;
use std::path::PathBuf;

/// What the page is made of.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where to write the page (HTML)
    #[arg(long, value_name = "HTML")]
    output: PathBuf,
    /// The link report that `link-only --report` wrote
    #[arg(long, value_name = "JSON")]
    report: PathBuf,
    /// What is in an artifact of the report, as `splitlink sizes` wrote it; once for each artifact.
    /// [default: none, and the page shows what the crates brought to the link]
    #[arg(long = "sizes", value_name = "JSON")]
    sizes: Vec<PathBuf>,
    /// What is in another build of such an artifact (without LTO, say, or of yesterday), to compare
    /// with; once for each that has `--sizes`. [default: none]
    #[arg(long = "sizes-before", value_name = "JSON", requires = "sizes")]
    sizes_before: Vec<PathBuf>,
    /// That a crate names another among its own dependencies: the two rlibs (file names suffice), the
    /// other one behind `=`. The linked crate itself has nothing in front of it: `=libdep-1.rlib`.
    /// Once for each such pair. [default: none, and the page cannot say why a crate is there]
    #[arg(long = "edge", value_name = "[RLIB]=RLIB", value_parser = |text: &str| Edge::parse(text))]
    edges: Vec<Edge>,
    /// The label of the target that is linked. [default: none, and commands that change it have a
    /// placeholder]
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
}

/// Writes the page.
///
/// # Errors
/// If a file cannot be read, is of another form, or is about an artifact that the report does not
/// have.
pub fn run(options: &Options) -> Result<()> {
    let mut places = Places::default();
    places.output("the page", &options.output);
    places.inputs("the link report", [&options.report]);
    places.inputs("a sizes file", options.sizes.iter().chain(&options.sizes_before));
    places.check()?;
    let report = LinkReport::read(&options.report)?;
    let sizes = Given { now: read(&options.sizes)?, before: read(&options.sizes_before)? };
    let page = page(&report, &sizes, &options.edges, options.label.as_deref())?;
    scratch::publish_bytes(&Scratch::beside(&options.output)?, page.as_bytes(), &options.output)
}

fn read(files: &[PathBuf]) -> Result<Vec<Sizes>> {
    files.iter().map(|file| Sizes::read(file)).collect()
}

/// What is in the artifacts, now and in another build.
#[derive(Debug, Default)]
struct Given {
    now: Vec<Sizes>,
    before: Vec<Sizes>,
}

impl Given {
    /// Fails if one of them is about no artifact of `report`, or two are about one.
    fn check(&self, report: &LinkReport) -> Result<()> {
        for (option, files) in [("--sizes", &self.now), ("--sizes-before", &self.before)] {
            for (at, file) in files.iter().enumerate() {
                let (name, crate_type) = (&file.crate_name, &file.crate_type);
                let what = format!("{option} names a file about the {crate_type} `{name}`");
                if *name != report.crate_name || !report.artifacts.iter().any(|artifact| artifact.crate_type.name() == crate_type) {
                    bail!("{what}, and the link report has none\n  help: give the sizes of the artifact whose link wrote the report");
                }
                if files[..at].iter().any(|other| other.crate_type == *crate_type) {
                    bail!("{what}, and another one is, too\n  help: give one file for each artifact");
                }
                if !self.now.iter().any(|now| now.crate_type == *crate_type) {
                    bail!("{what}, and --sizes none, so there is nothing to compare\n  help: give the sizes of this build, too");
                }
            }
        }
        Ok(())
    }
}

/// All that the page's script is given.
#[derive(Serialize)]
struct Data<'a> {
    crate_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    artifacts: Vec<ArtifactData<'a>>,
    lto: &'a [LtoGroup],
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<PhaseTimes>,
}

/// Of one artifact.
#[derive(Serialize)]
struct ArtifactData<'a> {
    #[serde(flatten)]
    artifact: &'a Artifact,
    /// What each of its crates is called for short, in their order.
    names: Vec<&'a str>,
    /// Why each is there; absent if no edges were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    /// What is in it; absent if no sizes were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<Contents>,
}

/// The page for `report`.
fn page(report: &LinkReport, sizes: &Given, edges: &[Edge], label: Option<&str>) -> Result<String> {
    sizes.check(report)?;
    let short: Vec<ShortNames<'_>> = report.artifacts.iter().map(|artifact| ShortNames::of(&artifact.crates)).collect();
    let artifacts = report.artifacts.iter().zip(&short).map(|(artifact, short)| {
        let of = |files: &'_ [Sizes]| files.iter().position(|file| file.crate_type == artifact.crate_type.name());
        let now = of(&sizes.now).map(|at| &sizes.now[at]);
        let before = of(&sizes.before).map(|at| &sizes.before[at]);
        ArtifactData {
            artifact,
            names: artifact.crates.iter().map(|found| short.name(&found.id)).collect(),
            why: (!edges.is_empty()).then(|| Why::of(&artifact.crates, edges, label)),
            contents: now.map(|now| Contents::of(now, before, &artifact.crates)),
        }
    });
    let data =
        Data { crate_name: &report.crate_name, label, artifacts: artifacts.collect(), lto: &report.lto, milliseconds: report.milliseconds };
    let json = serde_json::to_string(&data).context("the page's data is no JSON")?;
    Ok(fill(
        TEMPLATE,
        &[("title", &text_in_html(&report.crate_name)), ("style", STYLE), ("data", &json_in_html(&json)), ("script", &SCRIPTS.concat())],
    ))
}

/// The page without what is in it: `{{NAME}}` stands for each part.
const TEMPLATE: &str = include_str!("template.html");
const STYLE: &str = include_str!("style.css");
/// One scope, in this order.
const SCRIPTS: [&str; 6] = [
    include_str!("common.js"),
    include_str!("tree.js"),
    include_str!("treemap.js"),
    include_str!("contents.js"),
    include_str!("reasons.js"),
    include_str!("main.js"),
];

/// `template` with `parts` in it. What a part has inside is never a place for another.
fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("the template closes what it opens");
        let (_, part) = parts.iter().find(|(known, _)| *known == name).expect("the template names known parts");
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// JSON that may stand in a `<script>`: `<` is only ever in a string, where it may be escaped, and
/// without it nothing ends the element or begins a comment.
fn json_in_html(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Text that may stand between tags.
fn text_in_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
