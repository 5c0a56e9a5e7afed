//! What link-only is offered of each crate (rlibs, dylibs and the sysroot's forms), and what it
//! decides to take.

use crate::files::crates::{self, CrateFiles};
use crate::files::rlib;
use crate::formats::dylib_manifest::{self, DylibManifest};
use crate::formats::link_line::{self, LineWithFormats};
use crate::formats::report::{Artifact, CrateFormat, LeftOut};
use crate::formats::{self, Candidate, DependencyKind, Format, FormatsRequest, Linkage, OwnAllocator, Reason};
use crate::plan::{Item, Link, LinkPlan};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// The forms in which crates are offered.
#[derive(Debug)]
pub struct Offered {
    rlibs: CrateFiles,
    /// By identity: where the dylib is, and what it contains.
    dylibs: BTreeMap<String, (PathBuf, DylibManifest)>,
    /// The manifest of the sysroot's dylib, which may name none.
    std: Option<DylibManifest>,
}

impl Offered {
    /// Takes what was given, with the manifest that stands beside each dylib.
    ///
    /// # Errors
    /// If two files are of one crate, or a manifest is missing or broken.
    pub fn new(rlibs: &[PathBuf], dylibs: &[PathBuf], std_manifest: Option<&Path>) -> Result<Self> {
        let mut by_identity = BTreeMap::new();
        for path in dylibs {
            let manifest = DylibManifest::read(&dylib_manifest::beside(path))?;
            let id = manifest.id.clone();
            if let Some((other, _)) = by_identity.insert(id.clone(), (path.clone(), manifest))
                && &other != path
            {
                bail!(
                    "two dylibs were given for the crate `{id}`:\n  {}\n  {}\n  help: is one library in the graph twice, in two configurations?",
                    other.display(),
                    path.display()
                );
            }
        }
        Ok(Self {
            rlibs: crates::by_identity(rlibs)?,
            dylibs: by_identity,
            std: std_manifest.map(DylibManifest::read).transpose()?.filter(|manifest| !manifest.id.is_empty()),
        })
    }

    /// Checks that every crate of `plan` is offered as the very build that no-link compiled
    /// against.
    ///
    /// # Errors
    /// If one is of another build.
    pub fn check_builds(&self, plan: &LinkPlan) -> Result<()> {
        let wrong = |file: &Path, id: &str| {
            bail!(
                "`{}` is not the build of the crate `{id}` that `{}` was compiled against\n  help: plan and {} come from two builds; build both again",
                file.display(),
                plan.crate_name,
                if file.extension().is_some_and(|e| e == "so") { "dylib" } else { "rlib" }
            )
        };
        let mut stamps = HashMap::with_capacity(plan.crates.len());
        for wanted in &plan.crates {
            if let Some(path) = self.rlibs.get(&wanted.id)
                && rlib::stamp(path)? != wanted.stamp
            {
                if rlib::is_stub(&rlib::metadata(path)?) {
                    bail!(
                        "`{}` has no metadata of the crate `{}` inside, and cannot be compared with the build that `{}` was compiled against\n  \
                         help: it was made with `-Zembed-metadata=no`; make it by `splitlink codegen`, or without that option",
                        path.display(),
                        wanted.id,
                        plan.crate_name
                    );
                }
                return wrong(path, &wanted.id);
            }
            stamps.insert(&wanted.id, &wanted.stamp);
        }
        for (path, manifest) in self.dylibs.values() {
            let differs = |(id, stamp): &(&String, &String)| stamps.get(id).is_some_and(|wanted| wanted != stamp);
            if let Some((id, _)) = manifest.stamps.iter().find(differs) {
                return wrong(path, id);
            }
        }
        Ok(())
    }

    /// The rlib of the crate `id`, if one was given.
    pub fn rlib(&self, id: &str) -> Option<&Path> {
        self.rlibs.get(id).map(PathBuf::as_path)
    }

    /// Where the dylib of the crate `id` is; None for the sysroot's.
    pub fn dylib(&self, id: &str) -> Option<&Path> {
        self.dylibs.get(id).map(|(path, _)| path.as_path())
    }

    /// The manifest of the dylib of the crate `id`.
    pub fn manifest(&self, id: &str) -> Option<&DylibManifest> {
        self.dylibs.get(id).map(|(_, manifest)| manifest).or_else(|| self.std.as_ref().filter(|std| std.id == id))
    }

    /// Decides in which form each crate takes part in `link`.
    ///
    /// # Errors
    /// See [`formats::calculate`].
    pub fn decide<'a>(
        &'a self,
        plan: &'a LinkPlan,
        link: &'a Link,
        prefer_dynamic: bool,
        static_with_own_allocator: bool,
    ) -> Result<Decision<'a>> {
        let mut seen = HashSet::new();
        let mut candidates = Vec::new();
        for item in &link.line {
            let Some(id) = link_line::crate_of(item).filter(|id| seen.insert(*id)) else { continue };
            let is_runtime = formats::panic_strategy(id).is_some();
            candidates.push(Candidate {
                id,
                kind: if is_runtime { DependencyKind::PanicRuntime } else { DependencyKind::Unconditional },
                rlib: matches!(item, Item::SysrootCrate { .. }) || self.rlibs.contains_key(id),
                dylib: self.manifest(id),
            });
        }
        for id in plan.unlinked.iter().filter(|id| seen.insert(id)) {
            candidates.push(Candidate { id, kind: DependencyKind::Unlinked, rlib: false, dylib: None });
        }
        let request = FormatsRequest {
            crate_name: &plan.crate_name,
            crate_type: link.crate_type,
            own: link.own_crate(),
            prefer_dynamic,
            crt_static: link.is_static_executable(),
            own_allocator: match (plan.own_allocator, static_with_own_allocator) {
                (false, _) => OwnAllocator::No,
                (true, false) => OwnAllocator::Refuses,
                (true, true) => OwnAllocator::LeavesOut,
            },
            crates: candidates,
        };
        let formats = formats::calculate(&request)?;
        let crates: Vec<(&str, Format)> = request.crates.iter().map(|candidate| candidate.id).zip(formats).collect();
        let line = link_line::with_formats(&link.line, &crates.iter().map(|(id, format)| (*id, format.linkage)).collect());
        Ok(Decision { offered: self, link, prefer_dynamic, crates, line })
    }
}

/// What was decided for one link.
#[derive(Debug)]
pub struct Decision<'a> {
    offered: &'a Offered,
    link: &'a Link,
    prefer_dynamic: bool,
    /// Each crate with its format: in the order of the link line, those of which nothing is linked
    /// at the end.
    pub crates: Vec<(&'a str, Format)>,
    /// The link's line with each crate as was decided.
    pub line: LineWithFormats<'a>,
}

impl Decision<'_> {
    /// Each crate's linkage.
    pub fn linkage(&self) -> HashMap<&str, Linkage> {
        self.crates.iter().map(|(id, format)| (*id, format.linkage)).collect()
    }

    /// The crates of one linkage, in order.
    pub fn of(&self, linkage: Linkage) -> impl Iterator<Item = &str> {
        self.crates.iter().filter(move |(_, format)| format.linkage == linkage).map(|(id, _)| *id)
    }

    /// The manifest of the dylib `file_name` that this link makes, of the crate `id`.
    pub fn manifest(&self, plan: &LinkPlan, id: &str, file_name: &str) -> DylibManifest {
        let sorted = |linkage| {
            let mut ids: Vec<String> = self.of(linkage).map(str::to_owned).collect();
            ids.sort();
            ids
        };
        let contains = sorted(Linkage::Static);
        let is_inside = |wanted: &str| wanted == id || contains.binary_search_by(|c| c.as_str().cmp(wanted)).is_ok();
        let stamps = plan.crates.iter().filter(|c| is_inside(&c.id)).map(|c| (c.id.clone(), c.stamp.clone())).collect();
        DylibManifest {
            version: dylib_manifest::VERSION,
            id: id.to_owned(),
            file_name: file_name.to_owned(),
            contains,
            needs: sorted(Linkage::Dynamic),
            stamps,
        }
    }

    /// This link's part of the report, for the artifact at `output`: what was decided.
    pub fn report(&self, output: &Path) -> Artifact {
        let sysroot: HashSet<&str> =
            self.link.line.iter().filter(|item| matches!(item, Item::SysrootCrate { .. })).filter_map(link_line::crate_of).collect();
        let rlib = |id: &str| format!("lib{id}.rlib");
        let dylib = |id: &str| self.offered.manifest(id).map(|manifest| manifest.file_name.clone());
        let crates = self.crates.iter().map(|(id, format)| {
            let always = link_line::is_always_static(id) && format.linkage != Linkage::Static;
            let (linkage, reason) = if always { (Linkage::Static, &Reason::AlwaysStatic) } else { (format.linkage, &format.reason) };
            let from = match (linkage, reason) {
                (Linkage::Static, _) => Some(rlib(id)),
                (Linkage::Dynamic, _) => dylib(id),
                (Linkage::IncludedFromDylib, Reason::Inside(by)) => dylib(by),
                _ => None,
            };
            let (id, sysroot) = ((*id).to_owned(), sysroot.contains(id));
            CrateFormat { id, label: None, version: None, purl: None, bytes: None, linkage, from, sysroot, reason: reason.to_string() }
        });
        Artifact {
            crate_type: self.link.crate_type,
            file_name: output.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes: 0,
            prefer_dynamic: self.prefer_dynamic,
            crates: crates.collect(),
            native_libraries: Vec::new(),
            left_out: self.line.left_out.iter().filter_map(|left_out| self.left_out(*left_out)).collect(),
            linker: None,
            run_paths: Vec::new(),
            needed: Vec::new(),
            milliseconds: None,
        }
    }

    /// What an item is and why it is left out, for people; none for a flag that only says how to
    /// link a library.
    fn left_out(&self, left_out: link_line::LeftOut<'_>) -> Option<LeftOut> {
        let what = match left_out.item {
            Item::AllocatorShim { .. } => "allocator shim".to_owned(),
            Item::TargetFlag { arg } if arg.starts_with('-') => return None,
            Item::NativeLibrary { arg } | Item::TargetFlag { arg } => format!("native library `{arg}`"),
            Item::BundledLibrary { member, .. } => format!("native library `{member}`"),
            other => format!("{other:?}"),
        };
        let reason = match (left_out.of, self.of(Linkage::Dynamic).next()) {
            (Some(id), _) => format!("it belongs to {id}, which is not linked statically"),
            (None, Some(first)) => format!("the dylib of {first} or one below it has one"),
            (None, None) => "no crate that is linked needs it".to_owned(),
        };
        Some(LeftOut { what, reason })
    }
}

/// The file of a sysroot crate's dylib.
///
/// # Errors
/// If it is not there.
pub fn std_dylib(libdir: &Path, file_name: &str) -> Result<PathBuf> {
    let path = libdir.join(file_name);
    path.is_file().then_some(path).with_context(|| {
        format!(
            "the standard library's dylib `{}` is missing\n  help: is it among the action's inputs? else leave out `--std-manifest`",
            libdir.join(file_name).display()
        )
    })
}
