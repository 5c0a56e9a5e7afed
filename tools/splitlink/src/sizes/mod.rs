//! What is in a linked artifact: by crate, module and function. `docs/sizes.md` describes it.
//!
//! Nothing is linked again, and no linker is asked for a map. The artifact's symbols say whose they
//! are (`names`, `v0`), what was linked says where code of other languages comes from
//! (`inputs`), and debug information is told apart by its units (`debug`).

mod attribute;
mod debug;
mod diff;
mod elf;
pub mod file;
mod inputs;
mod names;
mod table;
mod v0;

use crate::files::archive;
use crate::files::crates;
use crate::files::paths::Places;
use crate::files::scratch::{self, Scratch};
use crate::formats::report::{self, LinkReport};
use crate::plan::crate_type::CrateType;
use crate::plan::{Link, LinkPlan};
use anyhow::{Context, Result};
use attribute::{Attributed, Attribution};
use elf::Artifact;
use file::Sizes;
use inputs::Inputs;
use std::fs;
use std::path::PathBuf;

pub use table::{Shown, show};

/// What is looked at.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where to write the sizes (JSON; docs/sizes.md describes it), which `explain --sizes` shows
    #[arg(long, value_name = "JSON")]
    output: PathBuf,
    /// The program or shared library, as `link-only` wrote it, not stripped
    #[arg(long, value_name = "FILE")]
    artifact: PathBuf,
    /// The link plan that it was linked by
    #[arg(long, value_name = "JSON")]
    plan: PathBuf,
    /// The folder of modules that belongs to the plan
    #[arg(long, value_name = "DIR")]
    modules: PathBuf,
    /// A compiled Rust crate (.rlib) that link-only was given; once for each. [default: none]
    #[arg(long = "rlib", value_name = "RLIB")]
    rlibs: Vec<PathBuf>,
    /// A folder of such, from which those that the plan links are taken. May be given more than
    /// once. [default: none]
    #[arg(long = "rlib-dir", value_name = "DIR")]
    rlib_dirs: Vec<PathBuf>,
    /// The folder that holds lib/rustlib/<target>/lib. [default: none, which serves only crates
    /// without a standard library]
    #[arg(long, value_name = "DIR")]
    sysroot: Option<PathBuf>,
    /// The artifact's crate type, where the plan has several. [default: the plan's only one]
    #[arg(long, value_name = "TYPE", value_parser = str::parse::<CrateType>)]
    crate_type: Option<CrateType>,
    /// The link report that `link-only --report` wrote, which has labels and versions of crates.
    /// [default: none]
    #[arg(long, value_name = "JSON")]
    report: Option<PathBuf>,
}

/// Writes the sizes file.
///
/// # Errors
/// If the artifact is no linked ELF file or has no symbols, or if something that it was linked from
/// is missing or broken.
pub fn run(options: &Options) -> Result<()> {
    let plan = LinkPlan::read(&options.plan)?;
    let link = link_of(&plan, options.crate_type)?;
    let mut rlibs = options.rlibs.clone();
    for path in crates::in_folders(&options.rlib_dirs, &["rlib"])? {
        let id = crates::identity(&path)?;
        if plan.crates.iter().any(|wanted| wanted.id == id) {
            rlibs.push(path);
        }
    }
    let mut places = Places::default();
    places.output("the sizes file", &options.output);
    places.inputs("the artifact", [&options.artifact]);
    places.inputs("the link plan", [&options.plan]);
    places.inputs("the link report", &options.report);
    places.inputs("an rlib", &rlibs);
    places.input_folder("the folder of modules", &options.modules);
    places.check()?;
    let report = options.report.as_deref().map(LinkReport::read).transpose()?;
    let of_artifact = match &report {
        Some(report) => {
            let artifact = report.artifacts.iter().find(|artifact| artifact.crate_type == link.crate_type);
            let artifact = artifact.filter(|_| report.crate_name == plan.crate_name).with_context(|| {
                format!(
                    "the link report is of `{}`, and says nothing of the {} `{}`\n  help: give the report of the artifact's own link",
                    report.crate_name, link.crate_type, plan.crate_name
                )
            })?;
            Some(artifact)
        }
        None => None,
    };
    let given = inputs::Places { modules: &options.modules, rlibs: &crates::by_identity(&rlibs)?, sysroot: options.sysroot.as_deref() };
    let name = options.artifact.display();
    let bytes = fs::read(&options.artifact).with_context(|| format!("cannot read `{name}`\n  help: is it among the action's inputs?"))?;
    let mut artifact = Artifact::parse(&bytes).with_context(|| format!("cannot tell what is in `{name}`"))?;
    let symbols = artifact.numbered_names();
    let inputs = Inputs::read(&plan, link, given, &symbols)?;
    let of_artifact = of_artifact.map(|artifact| (artifact, report.as_ref().and_then(|report| report.crate_version.as_deref())));
    let sizes = told(&artifact, &inputs, &plan.crate_name, of_artifact).with_context(|| format!("cannot tell what is in `{name}`"))?;
    let sizes = Sizes {
        crate_type: link.crate_type.name().to_owned(),
        file_name: archive::file_name(&options.artifact),
        bytes: bytes.len() as u64,
        ..sizes
    };
    scratch::publish_bytes(&Scratch::beside(&options.output)?, sizes.to_text().as_bytes(), &options.output)?;
    // The process ends here, and to free a million small things one by one takes a tenth of its time.
    std::mem::forget((sizes, artifact, inputs));
    Ok(())
}

/// What is in the artifact `bytes` of the crate `crate_name`, as far as it says so itself: without
/// anything that it was linked from.
///
/// # Errors
/// If it is no linked ELF file or has no symbols, or if its debug information is broken.
pub fn tell(bytes: &[u8], crate_name: &str) -> Result<Sizes> {
    let sizes = told(&Artifact::parse(bytes)?, &Inputs::default(), crate_name, None)?;
    Ok(Sizes { bytes: bytes.len() as u64, ..sizes })
}

/// What a link report says of an artifact, and of the linked crate's version.
type Reported<'r> = (&'r report::Artifact, Option<&'r str>);

fn told(artifact: &Artifact<'_>, inputs: &Inputs, crate_name: &str, reported: Option<Reported<'_>>) -> Result<Sizes> {
    let units = debug::units(artifact).context("its debug information cannot be read")?;
    let (report, crate_version) = reported.map_or((None, None), |(report, version)| (Some(report), version));
    let attribution = Attribution { artifact, inputs, units: &units, crate_name, crate_version, report };
    let Attributed { sections, owners, items, debug } = attribution.attribute();
    Ok(Sizes {
        version: file::VERSION,
        crate_name: crate_name.to_owned(),
        crate_type: CrateType::Bin.name().to_owned(),
        file_name: crate_name.to_owned(),
        bytes: 0,
        sections,
        owners,
        items,
        debug,
    })
}

fn link_of(plan: &LinkPlan, crate_type: Option<CrateType>) -> Result<&Link> {
    let found = match (crate_type, plan.links.as_slice()) {
        (Some(wanted), links) => links.iter().find(|link| link.crate_type == wanted),
        (None, [link]) => Some(link),
        (None, _) => None,
    };
    found.with_context(|| {
        let types = plan.links.iter().map(|link| link.crate_type.name()).collect::<Vec<_>>().join(", ");
        match crate_type {
            Some(wanted) => format!("the plan of `{}` has no {wanted}\n  help: it has {types}", plan.crate_name),
            None => format!(
                "the plan of `{}` has several crate types: {types}\n  help: say which one the artifact is, as in `--crate-type cdylib`",
                plan.crate_name
            ),
        }
    })
}
