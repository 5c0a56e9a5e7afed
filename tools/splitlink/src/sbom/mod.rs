//! `splitlink sbom`: a bill of materials of what is linked, in CycloneDX's JSON. docs/sbom.md
//! describes it.
//!
//! Of the same report come the same bytes. So there is no timestamp, and no serial number, which the
//! specification wants to be another each time that a bill is made; both are optional.

mod cyclonedx;

use crate::files::paths::Places;
use crate::files::scratch::{Finished, Scratch};
use crate::formats::Linkage;
use crate::formats::edges::Edge;
use crate::formats::report::{Artifact, CrateFormat, LinkReport, NativeLibrary};
use crate::plan::crate_type::CrateType;
use anyhow::{Context, Result, bail};
use cyclonedx::{Bom, Component, Composition, Dependency, Metadata, Property, SPEC_VERSION, Tools};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What the bill is made of.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The link report that `link-only --report` wrote
    #[arg(long, value_name = "JSON")]
    report: PathBuf,
    /// That a crate names another among its own dependencies: the two rlibs (file names suffice), the
    /// other one behind `=`. The linked crate itself has nothing in front of it: `=libdep-1.rlib`.
    /// Once for each such pair; what is not linked does not matter. [default: none, and the bill does
    /// not say who depends on whom]
    #[arg(long = "edge", value_name = "[RLIB]=RLIB", value_parser = |text: &str| Edge::parse(text))]
    edges: Vec<Edge>,
}

/// Writes the bills that `outputs` ask for, by crate type (`None`: the report's only artifact).
///
/// # Errors
/// If the report cannot be read, or has no such artifact.
pub fn run(options: &Options, outputs: &[(Option<CrateType>, PathBuf)]) -> Result<()> {
    let mut places = Places::default();
    places.inputs("the link report", [&options.report]);
    for (_, output) in outputs {
        places.output("the bill of materials", output);
    }
    places.check()?;
    let report = LinkReport::read(&options.report)?;
    let mut finished = Finished::default();
    for (crate_type, output) in outputs {
        let artifact = artifact_for(&report, *crate_type)
            .with_context(|| format!("cannot write `{}` of the link report `{}`", output.display(), options.report.display()))?;
        let scratch = Scratch::beside(output)?;
        let mut text = serde_json::to_string_pretty(&bom(&report, artifact, &options.edges)).context("the bill cannot be written")?;
        text.push('\n');
        finished.add_bytes(&scratch, text.as_bytes(), output.clone())?;
        finished.keep(scratch);
    }
    finished.publish()
}

fn artifact_for(report: &LinkReport, crate_type: Option<CrateType>) -> Result<&Artifact> {
    let types = || report.artifacts.iter().map(|artifact| artifact.crate_type.name()).collect::<Vec<_>>().join(", ");
    match (crate_type, report.artifacts.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => bail!("it has several artifacts: {}\n  help: give one `--output TYPE=FILE` for each that is wanted", types()),
        (Some(wanted), artifacts) => artifacts
            .iter()
            .find(|artifact| artifact.crate_type == wanted)
            .with_context(|| format!("it has no {wanted}\n  help: what it has: {}", types())),
    }
}

/// The bill of `artifact`, one of `report`, whose crates depend on each other as `edges` say.
fn bom(report: &LinkReport, artifact: &Artifact, edges: &[Edge]) -> Bom {
    let top = format!("artifact:{}", artifact.file_name);
    let linked = || artifact.crates.iter().filter(|linked| linked.linkage != Linkage::NotLinked);
    let dependencies = if edges.is_empty() { Vec::new() } else { dependencies(&top, artifact, edges) };
    let composition = |aggregate, dependencies| Composition { aggregate, dependencies };
    let compositions = if edges.is_empty() {
        // A link knows what comes together, and not who asked for it.
        vec![composition("unknown", vec![top.clone()])]
    } else {
        // The standard library is nobody's dependency by name, nor is a library of the system.
        let of_std = linked().filter(|linked| linked.sysroot).map(|linked| ref_of_crate(&linked.id));
        let known = dependencies.iter().map(|found| found.r#ref.clone());
        vec![composition("incomplete", known.collect()), composition("unknown", of_std.collect())]
    };
    let mut components: Vec<Component> = linked().map(of_crate).chain(artifact.native_libraries.iter().map(of_native_library)).collect();
    components.sort_by(|one, other| (&one.name, &one.version, &one.bom_ref).cmp(&(&other.name, &other.version, &other.bom_ref)));
    let is_program = artifact.crate_type == CrateType::Bin;
    Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: SPEC_VERSION,
        version: 1,
        metadata: Metadata {
            tools: Tools {
                components: vec![Component {
                    r#type: "application",
                    name: "splitlink".to_owned(),
                    version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                    ..Component::default()
                }],
            },
            component: Component {
                r#type: if is_program { "application" } else { "library" },
                bom_ref: Some(top.clone()),
                name: report.crate_purl.as_ref().map_or(report.crate_name.as_str(), |purl| purl.name()).to_owned(),
                version: report.crate_version.clone(),
                purl: report.crate_purl.as_ref().map(ToString::to_string),
                properties: vec![property("crate-type", artifact.crate_type.name()), property("file-name", &artifact.file_name)],
            },
        },
        components,
        dependencies,
        compositions: compositions.into_iter().filter(|composition| !composition.dependencies.is_empty()).collect(),
    }
}

/// What the artifact, called `top`, and each of its crates depend on, as far as `edges` say and it is
/// linked; of the crate itself, the native libraries that its rlib carries, too.
fn dependencies(top: &str, artifact: &Artifact, edges: &[Edge]) -> Vec<Dependency> {
    let linked = artifact.crates.iter().filter(|linked| linked.linkage != Linkage::NotLinked);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::from([(top.to_owned(), BTreeSet::new())]);
    found.extend(linked.filter(|linked| !linked.sysroot).map(|linked| (ref_of_crate(&linked.id), BTreeSet::new())));
    for Edge { from, to } in edges {
        let from = from.as_ref().map_or_else(|| top.to_owned(), |id| ref_of_crate(id));
        let to = ref_of_crate(to);
        if from != to && found.contains_key(&to) {
            found.entry(from).and_modify(|asks| _ = asks.insert(to));
        }
    }
    for library in &artifact.native_libraries {
        if let Some(id) = &library.carried_by {
            found.entry(ref_of_crate(id)).and_modify(|asks| _ = asks.insert(ref_of_native_library(library)));
        }
    }
    found.into_iter().map(|(r#ref, asks)| Dependency { r#ref, depends_on: asks.into_iter().collect() }).collect()
}

fn ref_of_crate(id: &str) -> String {
    format!("crate:{id}")
}

fn ref_of_native_library(library: &NativeLibrary) -> String {
    let within = library.carried_by.as_ref().map_or_else(String::new, |id| format!("{id}/"));
    format!("native:{within}{}", library.name)
}

fn of_crate(linked: &CrateFormat) -> Component {
    let linkage = serde_json::to_value(linked.linkage).ok();
    let said = [
        ("kind", Some(if linked.sysroot { "std" } else { "crate" })),
        ("crate", Some(linked.id.as_str())),
        ("linkage", linkage.as_ref().and_then(|value| value.as_str())),
        ("from", linked.from.as_deref()),
        ("label", linked.label.as_deref()),
    ];
    Component {
        r#type: "library",
        bom_ref: Some(ref_of_crate(&linked.id)),
        name: linked.purl.as_ref().map_or(linked.crate_name(), |purl| purl.name()).to_owned(),
        version: linked.version.clone(),
        purl: linked.purl.as_ref().map(ToString::to_string),
        properties: said.into_iter().filter_map(|(name, value)| Some(property(name, value?))).collect(),
    }
}

fn of_native_library(library: &NativeLibrary) -> Component {
    let said = [("kind", Some("native")), ("carried-by", library.carried_by.as_deref())];
    Component {
        r#type: "library",
        bom_ref: Some(ref_of_native_library(library)),
        name: library.name.clone(),
        properties: said.into_iter().filter_map(|(name, value)| Some(property(name, value?))).collect(),
        ..Component::default()
    }
}

/// A property, under a name of splitlink's own.
fn property(name: &str, value: &str) -> Property {
    Property { name: format!("splitlink:{name}"), value: value.to_owned() }
}
