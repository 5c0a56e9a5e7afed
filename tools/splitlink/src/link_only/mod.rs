//! The link-only phase: plan, modules and compiled crates become the artifact.
//!
//! It needs no rustc, no source and no metadata.

mod audit_data;
mod contents;
pub(crate) mod dylibs;
mod import_library;
pub(crate) mod line;
pub(crate) mod linker;
pub(crate) mod linker_call;
pub(crate) mod linker_choice;
pub(crate) mod linking;
mod native_files;
pub(crate) mod optimise;
pub(crate) mod pitfalls;
pub(crate) mod retry;
mod script;
pub(crate) mod staticlib;
pub(crate) mod symbols;
pub(crate) mod thin_link;
pub(crate) mod version_scripts;

use crate::files::scratch::{self, Finished, Scratch};
use crate::formats::dylib_manifest;
use crate::formats::offered::{Decision, Offered};
use crate::formats::report::{self, LinkReport, PhaseTimes};
use crate::lto::Lto;
use crate::plan::crate_type::CrateType;
use crate::plan::{Link, LinkPlan};
use anyhow::{Context, Result, bail};
use contents::How;
use line::Line;
use linking::{Linking, Options};
use optimise::Done;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// Runs the phase: links what `outputs` asks for, by crate type (`None`: the plan's only one).
///
/// # Errors
/// A broken or wrong input, crates that cannot be linked together, or the linker's failure with its
/// own message.
pub fn run(options: &Options, outputs: &[(Option<CrateType>, PathBuf)]) -> Result<()> {
    let began = Instant::now();
    let Given { plan, rlibs, offered } = Given::read(options)?;
    // rustc itself gives a cdylib and a dylib of one crate the same name, and leaves the one that
    // it wrote last.
    for (at, (crate_type, output)) in outputs.iter().enumerate() {
        if let Some((other, _)) = outputs[..at].iter().find(|(other, path)| path == output || other == crate_type) {
            let [one, two] = [other, crate_type].map(|each| each.map_or("artifact", CrateType::name));
            bail!(
                "`{}` is asked for twice, as the {one} and as the {two}\n  help: give each crate type one `--output`, and each a file of its own",
                output.display()
            );
        }
    }
    if options.auditable
        && !outputs.iter().any(|(crate_type, _)| link_for(&plan, *crate_type).is_ok_and(|link| audit_data::is_for(link.crate_type)))
    {
        bail!("`--auditable` is for programs, cdylibs and dylibs, and none is linked of `{}`\n  help: leave it out", plan.crate_name);
    }
    if options.thin_link.is_some() && options.lto != Lto::Thin {
        bail!("`--thin-link` is for thin LTO, and `--lto` is {}\n  help: say `--lto thin`", options.lto.name());
    }
    if options.thin_link.is_some() && options.dwo_dir.is_some() {
        bail!(
            "`--dwo-dir` is given for `{}`, whose thin LTO is done in parts: they make no `.dwo` files\n  \
             help: leave out `--dwo-dir`, or `--thin-link` (with Bazel, `lto_distributed`)",
            plan.crate_name
        );
    }
    if options.dwo_dir.is_some() && options.lto == Lto::Off {
        bail!(
            "`--dwo-dir` of link-only is for what LTO makes, and `{}` is linked without\n  \
             help: give it to `metadata`, `codegen` and `no-link`, or add `--lto`",
            plan.crate_name
        );
    }
    let mut places = options.places();
    places.inputs("an rlib", &rlibs);
    for (crate_type, output) in outputs {
        let link = link_for(&plan, *crate_type)?;
        places.output(&format!("the {}", link.crate_type), output);
        if link.crate_type == CrateType::Dylib {
            places.output("the dylib's manifest", &dylib_manifest::beside(output));
        }
        if link.has_import_library() {
            places.output("the import library", &import_library::beside(output));
        }
    }
    places.check()?;
    let mut jobs = Vec::with_capacity(outputs.len());
    for (crate_type, output) in outputs {
        let link = link_for(&plan, *crate_type)?;
        let decision = decide(options, &plan, link, &offered)?;
        jobs.push((link, output, decision, Scratch::beside(output)?));
    }
    let links: Vec<Linking<'_>> = jobs
        .iter()
        .map(|(link, _, decision, scratch)| Linking { plan: &plan, link, options, offered: &offered, decision, scratch })
        .collect();
    if places.any_output_is_there()? {
        for linking in &links {
            places.inputs("a file", linking.found_files()?);
        }
        places.check()?;
    }
    warn_of_what_is_not_done(&links);
    let resolved = links.iter().map(|linking| Line::resolve(linking).with_context(|| cannot(&plan, linking.link)));
    let mut lines: Vec<Line<'_>> = resolved.collect::<Result<_>>()?;
    let of_formats = began.elapsed();
    let optimised = if options.lto == Lto::Off { Done::default() } else { optimise::optimise(&links, &mut lines)? };
    let of_lto = began.elapsed() - of_formats;
    let mut artifacts = Vec::with_capacity(outputs.len());
    // Put into place when all is done: an action has all its outputs or none.
    let mut finished = Finished::default();
    for ((linking, mut line), (_, output)) in links.iter().zip(lines).zip(outputs) {
        let Linking { link, scratch, .. } = *linking;
        let artifact = place_for_artifact(scratch, &link.file_name)?;
        let made = if link.crate_type.is_made_by_linker() {
            linking.reduce_symbols(&mut line).and_then(|()| linking.link(&line, &artifact, output)).map(How::Called)
        } else {
            let began = Instant::now();
            linking.archive(&line, &artifact).map(|()| How::Archived(began.elapsed()))
        };
        let how = made.with_context(|| cannot(&plan, link))?;
        if options.report.is_some() {
            artifacts.push(contents::report(linking, &artifact, output, &how)?);
        }
        if link.crate_type == CrateType::Dylib {
            let manifest = linking.manifest(output).to_text();
            finished.add_bytes(scratch, manifest.as_bytes(), dylib_manifest::beside(output))?;
        }
        if link.has_import_library() {
            // A linker may leave it out where nothing is exported.
            let library = import_library::beside(&artifact);
            if library.exists() {
                finished.add(library, import_library::beside(output));
            }
        }
        finished.add(artifact, output.clone());
    }
    if let Some(dir) = &options.dwo_dir {
        fs::create_dir_all(dir).with_context(|| format!("cannot make the folder of debug information `{}`", dir.display()))?;
        for (name, file) in optimised.dwo_files {
            finished.add(file, dir.join(name));
        }
    }
    if let Some(path) = &options.report {
        let (crate_version, crate_purl) = links.first().map_or((None, None), contents::root);
        let crate_name = plan.crate_name.clone();
        let milliseconds = options.report_times.then(|| {
            let of_lto = (options.lto != Lto::Off).then(|| contents::milliseconds(of_lto));
            PhaseTimes { total: contents::milliseconds(began.elapsed()), formats: contents::milliseconds(of_formats), lto: of_lto }
        });
        let report =
            LinkReport { version: report::VERSION, crate_name, crate_version, crate_purl, artifacts, lto: optimised.groups, milliseconds };
        let scratch = Scratch::beside(path)?;
        finished.add_bytes(&scratch, report.to_text().as_bytes(), path.clone())?;
        finished.keep(scratch);
    }
    for (.., scratch) in jobs {
        finished.keep(scratch);
    }
    finished.publish()
}

/// What this phase itself makes in the scratch folder, sooner or later.
const MADE: [&str; 11] = [
    "auditable",
    "bundled",
    "linker",
    "linker-arguments",
    "lto",
    "merged",
    "metadata",
    "reduced",
    "whole",
    scratch::MARKER,
    scratch::PUBLISH,
];

/// Where the artifact called `file_name` is made: in the scratch folder itself, whose path some
/// linkers write into it (gold, into a cdylib), or, if something there has that name, in a folder
/// of its own.
fn place_for_artifact(scratch: &Scratch, file_name: &str) -> Result<PathBuf> {
    let dir = if MADE.contains(&file_name) { scratch.subdir("artifact")? } else { scratch.path().to_owned() };
    Ok(dir.join(file_name))
}

/// Says what the crate was compiled for and the link is not given.
fn warn_of_what_is_not_done(links: &[Linking<'_>]) {
    let Some(Linking { plan, options, .. }) = links.first() else { return };
    let name = &plan.crate_name;
    let may_be_dynamic = |link: &Link| link.crate_type.may_prefer_dylibs() && !link.is_static_executable();
    let is_dynamic = !options.dylibs.is_empty() || options.std_manifest.is_some();
    if plan.prefer_dynamic && !is_dynamic && links.iter().any(|linking| may_be_dynamic(linking.link)) {
        eprintln!(
            "warning: `{name}` was compiled with `-Cprefer-dynamic`, and no dylib was given: all is linked statically\n  \
             help: give `--std-manifest`, which `splitlink std-manifest` writes, and `--dylib` for other crates; or leave out `-Cprefer-dynamic`"
        );
    }
    if plan.lto.is_some() && options.lto == Lto::Off {
        eprintln!(
            "warning: `{name}` was compiled for LTO and is linked without, so the linker is given bitcode\n  \
             help: give link-only `--lto thin` or `--lto fat`, or leave out `--lto` where `{name}` and its dependencies are compiled"
        );
    }
    if options.print_command && links.iter().any(|linking| !linking.link.crate_type.is_made_by_linker()) {
        eprintln!("note: no linker makes a staticlib, so there is no command for it");
    }
}

/// What links are made of.
struct Given {
    plan: LinkPlan,
    rlibs: Vec<PathBuf>,
    offered: Offered,
}

impl Given {
    fn read(options: &Options) -> Result<Self> {
        let mut plan = LinkPlan::read(&options.plan)?;
        let rlibs = options.rlibs_for(&plan)?;
        let offered = Offered::new(&rlibs, &options.dylibs, options.std_manifest.as_deref())?;
        offered.check_builds(&plan)?;
        plan.links
            .iter_mut()
            .filter(|link| link.crate_type == CrateType::Staticlib)
            .try_for_each(|link| staticlib::add_bundled(link, &offered))?;
        Ok(Self { plan, rlibs, offered })
    }
}

/// The formats of what `link` depends on.
fn decide<'a>(options: &Options, plan: &'a LinkPlan, link: &'a Link, offered: &'a Offered) -> Result<Decision<'a>> {
    let prefer_dynamic = options.prefer_dynamic || plan.prefer_dynamic;
    offered.decide(plan, link, prefer_dynamic, options.static_with_own_allocator).with_context(|| cannot(plan, link))
}

fn cannot(plan: &LinkPlan, link: &Link) -> String {
    format!("cannot link the {} `{}`", link.crate_type, plan.crate_name)
}

fn link_for(plan: &LinkPlan, crate_type: Option<CrateType>) -> Result<&Link> {
    let types = || plan.links.iter().map(|link| link.crate_type.name()).collect::<Vec<_>>().join(", ");
    match (crate_type, plan.links.as_slice()) {
        (Some(wanted), links) => links
            .iter()
            .find(|link| link.crate_type == wanted)
            .with_context(|| format!("the plan of `{}` has no {wanted}\n  help: it has {}", plan.crate_name, types())),
        (None, [link]) => Ok(link),
        (None, _) => bail!(
            "the plan of `{}` has several crate types: {}\n  help: say which one, as in `--output cdylib=PATH`",
            plan.crate_name,
            types()
        ),
    }
}
