//! The phases that build what a command asks for.

use super::job::Job;
use super::store::{self, Known};
use super::{Settings, exit_code};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds all of `job`.
pub(crate) fn run(settings: &Settings, job: Job) -> Result<u8> {
    let phases = Phases { settings, job, scratch: store::new_folder(settings)? };
    match phases.build() {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<Failed>() {
            Some(failed) => Ok(failed.0),
            None => Err(error),
        },
    }
}

/// A phase failed with this exit code and has said why.
#[derive(Debug)]
struct Failed(u8);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a phase failed with exit code {}", self.0)
    }
}

impl std::error::Error for Failed {}

/// A job and what it is done with.
struct Phases<'a> {
    settings: &'a Settings,
    job: Job,
    scratch: PathBuf,
}

/// A compiled library.
struct Library {
    metadata: PathBuf,
    rlib: PathBuf,
}

impl Phases<'_> {
    fn build(&self) -> Result<()> {
        let types = &self.job.types;
        let has = |kind: &str| types.iter().any(|found| found == kind);
        let is_lto = self.settings.lto != "off";
        let mut library = None;
        if has("rlib") || has("dylib") {
            library = Some(self.library(is_lto)?);
        }
        if let Some(library) = library.as_ref().filter(|_| has("dylib")) {
            self.link("dylib", &["dylib".to_owned()], Some(library))?;
        }
        let linked: Vec<_> = types.iter().filter(|kind| !matches!(kind.as_str(), "rlib" | "dylib")).cloned().collect();
        if !linked.is_empty() {
            self.link("linked", &linked, None)?;
        }
        Ok(())
    }

    /// Compiles the library, where rustc would put it if it is asked for.
    fn library(&self, lto: bool) -> Result<Library> {
        let job = &self.job;
        let file = if job.types.iter().any(|kind| kind == "rlib") { job.output("rlib") } else { self.scratch.join(job.library()) };
        let metadata = job.metadata().unwrap_or_else(|| self.scratch.join(job.library()).with_extension("rmeta"));
        let library = self.compile(Library { metadata, rlib: file }, lto)?;
        let mut known = Known::default();
        if self.settings.variants {
            let folder = self.scratch.join("variant");
            fs::create_dir_all(&folder)?;
            let rlib = folder.join(library.rlib.file_name().context("no file name")?);
            known.variant = Some(self.compile(Library { metadata: rlib.with_extension("rmeta"), rlib }, !lto)?.rlib);
            store::keep(self.settings, &library.rlib, &known)?;
        }
        Ok(library)
    }

    fn compile(&self, library: Library, lto: bool) -> Result<Library> {
        for output in [&library.metadata, &library.rlib] {
            if let Some(parent) = output.parent() {
                fs::create_dir_all(parent)?;
            }
        }
        let interface = || self.settings.interfaces.then(|| "--interface".to_owned());
        let (args, folder) = self.library_args();
        let metadata = ["metadata".into(), "--output".into(), path(&library.metadata)];
        self.phase_in(&folder, metadata.into_iter().chain(interface()).chain(self.dependencies(lto)), args.clone())?;
        if self.settings.interfaces && has_interface(&library.metadata)? {
            self.settings.log(HAS_INTERFACE, [])?;
        }
        let codegen = ["codegen".into(), "--output".into(), path(&library.rlib), "--published-metadata".into(), path(&library.metadata)];
        self.phase_in(&folder, codegen.into_iter().chain(interface()).chain(self.dependencies(lto)), args)?;
        Ok(library)
    }

    /// The command for the library, and where it is to run: a dylib alone is that of an rlib. A crate
    /// has an interface where its source is below that folder, and tests name theirs from the root.
    fn library_args(&self) -> (Vec<String>, PathBuf) {
        let mut args = self.job.args.clone();
        if !self.job.types.iter().any(|kind| kind == "rlib") {
            args.remove("crate-type", |_| true);
            args.push("crate-type", "rlib".into());
        }
        let mut args: Vec<String> = args.all().map(str::to_owned).collect();
        // A test that remaps paths itself sees what is done here.
        let is_wanted = self.settings.interfaces && !args.iter().any(|arg| arg.starts_with("--remap-path"));
        let source = args.iter().position(|arg| is_wanted && arg.starts_with('/') && arg.ends_with(".rs"));
        let Some((at, beside)) = source.and_then(|at| Some((at, Path::new(&args[at]).parent()?.to_owned()))) else {
            return (args, PathBuf::from("."));
        };
        let (Some(folder), Some(name)) = (beside.parent(), beside.file_name()) else { return (args, PathBuf::from(".")) };
        args[at] = path(Path::new(&args[at]).strip_prefix(folder).unwrap_or(Path::new("")));
        args.push(format!("--remap-path-prefix={}={}", Path::new(name).display(), beside.display()));
        (args, folder.to_owned())
    }

    /// Links `types`, or the dylib of `library`.
    fn link(&self, name: &str, types: &[String], library: Option<&Library>) -> Result<()> {
        let settings = self.settings;
        // No LTO for proc macros, as docs/lto.md has it.
        let lto = match types {
            [only] if only == "proc-macro" => "off",
            _ => self.job.lto.as_deref().unwrap_or(&settings.lto),
        };
        let (plan, modules) = (self.scratch.join(format!("{name}.plan.json")), self.scratch.join(format!("{name}.modules")));
        let mut no_link = vec!["no-link".to_owned(), "--plan".into(), path(&plan), "--modules".into(), path(&modules)];
        let mut args = self.job.args.clone();
        if let Some(library) = library {
            no_link.extend(["--dylib-of".into(), path(&library.metadata), "--metadata".into(), path(&library.metadata)]);
            args.remove("crate-type", |_| true);
            args.push("crate-type", "rlib".into());
        } else if types.len() < self.job.types.len() {
            no_link.extend(["--crate-types".into(), types.join(",")]);
        }
        no_link.extend(self.dependencies(lto != "off"));
        self.phase(no_link.into_iter(), args.all().map(str::to_owned).collect())?;

        let mut link = vec!["link-only".to_owned(), "--plan".into(), path(&plan), "--modules".into(), path(&modules)];
        let sysroot = self.job.args.values("sysroot").next_back().map_or(settings.sysroot.clone(), PathBuf::from);
        link.extend(["--sysroot".into(), path(&sysroot), "--std-manifest".into(), path(&settings.std_manifest)]);
        if lto != "off" {
            link.extend(["--lto".into(), lto.to_owned()]);
            if lto == "thin" {
                link.extend(["--lto-cache".into(), path(&settings.lto_cache)]);
            }
        }
        link.extend(self.forms(&plan, library, lto != "off")?);
        let outputs = self.outputs(&plan, types)?;
        for (kind, output) in &outputs {
            if let Some(parent) = output.parent() {
                fs::create_dir_all(parent)?;
            }
            link.extend(["--output".into(), if types.len() > 1 { format!("{kind}={}", path(output)) } else { path(output) }]);
        }
        self.phase(link.into_iter(), Vec::new())?;
        self.remember(&outputs, library)
    }

    /// Keeps what later commands must know of a dylib or a proc macro.
    fn remember(&self, outputs: &[(String, PathBuf)], library: Option<&Library>) -> Result<()> {
        for (kind, output) in outputs {
            let known = match (kind.as_str(), library) {
                ("proc-macro", _) => Known { proc_macro: true, ..Known::default() },
                (_, Some(library)) => {
                    let metadata = self.scratch.join("kept").join(library.metadata.file_name().context("no file name")?);
                    fs::create_dir_all(self.scratch.join("kept"))?;
                    fs::copy(&library.metadata, &metadata)?;
                    let manifest = self.scratch.join("kept/manifest.json");
                    // Tests look at what is in their folders.
                    fs::rename(format!("{}.manifest.json", output.display()), &manifest)?;
                    Known { metadata: Some(metadata), manifest: Some(manifest), ..Known::default() }
                }
                _ => continue,
            };
            store::keep(self.settings, output, &known)?;
        }
        Ok(())
    }

    /// Where each of `types` goes: the plan says what it is called for the target.
    fn outputs(&self, plan: &Path, types: &[String]) -> Result<Vec<(String, PathBuf)>> {
        let plan: serde_json::Value = serde_json::from_slice(&fs::read(plan)?)?;
        let links = || plan["links"].as_array().into_iter().flatten();
        let name = |kind: &String| links().find(|link| link["crate_type"] == kind.as_str())?["file_name"].as_str();
        Ok(types.iter().map(|kind| (kind.clone(), self.job.output_called(kind, name(kind)))).collect())
    }

    /// What every compiling phase is given.
    fn dependencies(&self, lto: bool) -> Vec<String> {
        let variant = lto != (self.settings.lto != "off");
        let mut options = Vec::new();
        for (_, found) in self.job.crates.iter() {
            if let Some(so) = found.proc_macro() {
                options.extend(["--proc-macro".to_owned(), path(so)]);
            } else if let Some(metadata) = found.metadata(self.settings, variant) {
                options.extend(["--metadata".to_owned(), path(&metadata)]);
            }
        }
        options.extend(lto.then(|| "--lto".to_owned()));
        options
    }

    /// The crates that `plan` names, in the forms that they have.
    fn forms(&self, plan: &Path, library: Option<&Library>, lto: bool) -> Result<Vec<String>> {
        let variant = lto != (self.settings.lto != "off");
        let plan: serde_json::Value = serde_json::from_slice(&fs::read(plan)?)?;
        let mut options = Vec::new();
        if let Some(library) = library {
            options.extend(["--rlib".to_owned(), path(&library.rlib)]);
        }
        let in_plan = |id: &str| plan["crates"].as_array().is_some_and(|crates| crates.iter().any(|found| found["id"] == id));
        for (id, found) in self.job.crates.iter().filter(|(id, _)| in_plan(id)) {
            // The crate's own library stands in the plan of its dylib.
            if library.is_some_and(|library| library.rlib.file_stem().is_some_and(|stem| stem.to_string_lossy() == format!("lib{id}"))) {
                continue;
            }
            options.extend(found.rlib(self.settings, variant).into_iter().flat_map(|rlib| ["--rlib".to_owned(), path(&rlib)]));
            // Its dylib holds the other build.
            let dylib = found.dylib().filter(|_| !variant || found.rlib(self.settings, true).is_none());
            options.extend(dylib.into_iter().flat_map(|dylib| ["--dylib".to_owned(), path(&dylib)]));
        }
        Ok(options)
    }

    /// Runs a phase, with rustc's `args` behind it where it compiles.
    fn phase(&self, options: impl Iterator<Item = String>, args: Vec<String>) -> Result<()> {
        self.phase_in(Path::new("."), options, args)
    }

    /// The same in another folder than this one.
    fn phase_in(&self, folder: &Path, options: impl Iterator<Item = String>, args: Vec<String>) -> Result<()> {
        let mut all: Vec<String> = options.collect();
        if !args.is_empty() {
            all.extend(["--".into(), path(&self.settings.rustc)]);
            all.extend(args);
        }
        self.settings.log("splitlink", all.iter().map(String::as_str))?;
        let mut command = Command::new(&self.settings.splitlink);
        command.args(&all).current_dir(folder);
        if let Some(stdin) = &self.job.stdin {
            command.stdin(Stdio::from(fs::File::open(stdin)?));
        }
        let status = command.status().context("cannot start splitlink")?;
        if !status.success() {
            return Err(Failed(exit_code(status)).into());
        }
        Ok(())
    }
}

/// The step that says that a library's metadata is that of an interface.
pub(crate) const HAS_INTERFACE: &str = "interface";

/// Whether metadata is that of an interface: then there is text behind it.
fn has_interface(metadata: &Path) -> Result<bool> {
    let bytes = fs::read(metadata)?;
    let mark = b"splitlink definitions";
    Ok(bytes[bytes.len().saturating_sub(100)..].windows(mark.len()).any(|window| window == mark))
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
