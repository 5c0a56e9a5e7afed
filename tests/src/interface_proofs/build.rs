//! A recorded program's own crates, compiled and linked by splitlink's phases.

use super::recorded::{Recorded, Unit};
use crate::rustc_fixture::tools::{Toolchain, run, splitlink, succeed};
use anyhow::{Context, Result, anyhow, bail, ensure};
use object::read::archive::ArchiveFile;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex};

/// In which way crates are compiled.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// Whether dependents are compiled against interfaces.
    pub with_interfaces: bool,
    /// More flags for rustc.
    pub flags: Vec<String>,
}

/// What makes both ways the same to the byte: symbols have the same names, and every crate has the
/// instances of its own that it needs. In an interface fewer instances are listed than the code has,
/// and with shared ones a dependent makes what is not listed itself.
pub const COMPARABLE: &str = "-Csymbol-mangling-version=v0 -Zshare-generics=no";

/// A copy of the sources of the program's own crates, to be edited.
#[derive(Debug)]
pub struct Sources {
    /// By the folder of the package, where its copy is.
    copies: BTreeMap<PathBuf, PathBuf>,
}

impl Sources {
    /// Copies the sources into the folder `to`.
    ///
    /// # Errors
    /// If that fails.
    pub fn copy(recorded: &Recorded, to: &Path) -> Result<Self> {
        fs::create_dir_all(to)?;
        let mut copies = BTreeMap::new();
        for unit in &recorded.units {
            if !copies.contains_key(&unit.folder) {
                let copy = to.join(unit.folder.file_name().context("a package has a folder")?);
                succeed(Command::new("cp").arg("-r").arg(&unit.folder).arg(&copy))?;
                succeed(Command::new("chmod").args(["-R", "u+w"]).arg(&copy))?;
                copies.insert(unit.folder.clone(), copy);
            }
        }
        Ok(Self { copies })
    }

    /// The folder of the package of `unit`.
    pub fn folder(&self, unit: &Unit) -> &Path {
        &self.copies[&unit.folder]
    }
}

/// Where the program's own crates are compiled to.
#[derive(Debug)]
pub struct Place<'a> {
    /// The program.
    pub recorded: &'a Recorded,
    /// Its sources.
    pub sources: &'a Sources,
    /// The folder for what is made.
    pub out: PathBuf,
    /// In which way.
    pub way: Way,
}

/// A step of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Metadata(usize),
    Code(usize),
}

impl<'a> Place<'a> {
    /// A place in the folder `out`, which is made.
    ///
    /// # Errors
    /// If that fails.
    pub fn new(recorded: &'a Recorded, sources: &'a Sources, out: &Path, way: Way) -> Result<Self> {
        let others = out.join("others");
        fs::create_dir_all(&others)?;
        for other in &recorded.others {
            let link = others.join(other.file_name().context("no file name")?);
            if !link.exists() {
                std::os::unix::fs::symlink(other, link)?;
            }
        }
        Ok(Self { recorded, sources, out: out.to_owned(), way })
    }

    /// Compiles all, several crates at a time, and links the program.
    ///
    /// # Errors
    /// With all that the first phase said that failed.
    pub fn build(&self) -> Result<PathBuf> {
        let all: Vec<usize> = (0..self.recorded.libraries().len()).collect();
        self.compile(&all, &all)?;
        self.link()
    }

    /// Makes the metadata of the libraries number `metadata`, and the code of those number `code`.
    ///
    /// # Errors
    /// As [`Place::build`].
    pub fn compile(&self, metadata: &[usize], code: &[usize]) -> Result<()> {
        let open: BTreeSet<Step> = metadata.iter().map(|&n| Step::Metadata(n)).chain(code.iter().map(|&n| Step::Code(n))).collect();
        // What is open, and what is not done.
        let state = Mutex::new((open.clone(), open, None::<anyhow::Error>));
        let changed = Condvar::new();
        let work = || {
            let mut locked = state.lock().expect("no worker panics");
            loop {
                let (open, undone, failed) = &mut *locked;
                if failed.is_some() || open.is_empty() {
                    return;
                }
                let Some(step) = open.iter().copied().find(|step| self.needs(*step).all(|needed| !undone.contains(&needed))) else {
                    locked = changed.wait(locked).expect("no worker panics");
                    continue;
                };
                open.remove(&step);
                drop(locked);
                let done = self.take(step);
                locked = state.lock().expect("no worker panics");
                locked.1.remove(&step);
                if let Err(error) = done {
                    locked.2.get_or_insert(error);
                }
                changed.notify_all();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        state.into_inner().expect("no worker panics").2.map_or(Ok(()), Err)
    }

    fn needs(&self, step: Step) -> impl Iterator<Item = Step> {
        let (Step::Metadata(of) | Step::Code(of)) = step;
        let own = matches!(step, Step::Code(_)).then_some(Step::Metadata(of));
        self.own_below(of).into_iter().map(Step::Metadata).chain(own)
    }

    /// The program's own libraries below the unit number `of`.
    fn own_below(&self, of: usize) -> BTreeSet<usize> {
        let units = &self.recorded.units;
        let (mut found, mut pending) = (BTreeSet::new(), vec![of]);
        while let Some(at) = pending.pop() {
            for (_, id) in &units[at].externs {
                if let Some(below) = units.iter().position(|unit| unit.id == *id)
                    && found.insert(below)
                {
                    pending.push(below);
                }
            }
        }
        found
    }

    /// Whether the library number `above` depends on the one number `below`.
    pub fn is_above(&self, above: usize, below: usize) -> bool {
        self.own_below(above).contains(&below)
    }

    fn take(&self, step: Step) -> Result<()> {
        let (phase, Step::Metadata(of) | Step::Code(of)) = (matches!(step, Step::Code(_)), step);
        let unit = &self.recorded.units[of];
        let mut args = if phase {
            vec!["codegen".to_owned(), "--output".into(), self.file(unit, "rlib"), "--published-metadata".into(), self.file(unit, "rmeta")]
        } else {
            vec!["metadata".to_owned(), "--output".into(), self.file(unit, "rmeta")]
        };
        args.extend(self.way.with_interfaces.then(|| "--interface".to_owned()));
        self.phase(args, of).with_context(|| format!("{} of {}", if phase { "the code" } else { "the metadata" }, unit.id))
    }

    /// The file of `unit` with the `extension`.
    pub fn file(&self, unit: &Unit, extension: &str) -> String {
        self.out.join(format!("lib{}.{extension}", unit.id)).display().to_string()
    }

    /// Runs a phase with the command of the unit number `of`.
    fn phase(&self, mut args: Vec<String>, of: usize) -> Result<()> {
        let unit = &self.recorded.units[of];
        for below in self.own_below(of) {
            args.extend(["--metadata".into(), self.file(&self.recorded.units[below], "rmeta")]);
        }
        args.extend(["--metadata-dir".into(), self.out.join("others").display().to_string(), "--".into()]);
        args.push(Toolchain::stable().rustc.display().to_string());
        args.push(unit.root.display().to_string());
        args.extend(unit.args.iter().cloned());
        for (name, id) in &unit.externs {
            let is_macro = self.recorded.others.iter().any(|other| other.ends_with(format!("lib{id}.so")));
            args.push(format!("--extern={name}=absent/lib{id}.{}", if is_macro { "so" } else { "rlib" }));
        }
        args.extend(["--out-dir=absent".to_owned(), "--emit=link".into(), "--cap-lints=allow".into()]);
        args.extend(self.way.flags.iter().cloned());
        let mut command = Command::new(splitlink());
        command.args(&args).current_dir(self.sources.folder(unit)).env_clear().envs(unit.environment.iter().cloned());
        if self.way.flags.iter().any(|flag| flag.starts_with("-Z")) {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        let output = run(&mut command)?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Compiles and links the program.
    ///
    /// # Errors
    /// If a phase fails.
    pub fn link(&self) -> Result<PathBuf> {
        let (plan, modules) = (self.out.join("plan.json"), self.out.join("modules"));
        let path = |path: &Path| path.display().to_string();
        let last = self.recorded.units.len() - 1;
        self.phase(vec!["no-link".into(), "--plan".into(), path(&plan), "--modules".into(), path(&modules)], last).context("no-link")?;
        let planned: serde_json::Value = serde_json::from_slice(&fs::read(&plan)?)?;
        let mut link = Command::new(splitlink());
        link.arg("link-only").arg("--plan").arg(&plan).arg("--modules").arg(&modules);
        link.arg("--sysroot").arg(&Toolchain::stable().sysroot);
        for found in planned["crates"].as_array().context("the plan names no crates")? {
            let file = format!("lib{}.rlib", found["id"].as_str().unwrap_or_default());
            let places = [self.out.join(&file), self.out.join("others").join(&file)];
            if let Some(rlib) = places.iter().find(|place| place.exists()) {
                link.arg("--rlib").arg(rlib);
            }
        }
        let program = self.out.join("program");
        succeed(link.arg("--output").arg(&program))?;
        Ok(program)
    }
}

/// How what two places have of the libraries differs, metadata apart.
///
/// # Errors
/// If something is missing.
pub fn compare_code(one: &Place<'_>, two: &Place<'_>, libraries: &[usize]) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for &at in libraries {
        let unit = &one.recorded.units[at];
        let [one, two] = [one, two].map(|place| objects(Path::new(&place.file(unit, "rlib"))));
        let (one, two) = (one?, two?);
        let names: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
        differences.extend(names.into_iter().filter(|name| one.get(*name) != two.get(*name)).cloned());
    }
    Ok(differences)
}

/// The members of an rlib but its metadata.
fn objects(rlib: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let data = fs::read(rlib).with_context(|| format!("cannot read `{}`", rlib.display()))?;
    let archive = ArchiveFile::parse(&*data)?;
    let mut objects = BTreeMap::new();
    for member in archive.members() {
        let member = member?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if name != "lib.rmeta" && objects.insert(name.clone(), member.data(&*data)?.to_vec()).is_some() {
            bail!("`{}` has two members `{name}`", rlib.display());
        }
    }
    Ok(objects)
}

/// Where the files `one` and `two` differ, if they do.
///
/// # Errors
/// If one cannot be read.
pub fn compare_files(one: &Path, two: &Path) -> Result<Option<String>> {
    let [a, b] = [one, two].map(|path| fs::read(path).map_err(|error| anyhow!("cannot read `{}`: {error}", path.display())));
    let (a, b) = (a?, b?);
    if a == b {
        return Ok(None);
    }
    let at = a.iter().zip(&b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
    Ok(Some(format!("`{}` ({} bytes) and `{}` ({} bytes) differ from byte {at} on", one.display(), a.len(), two.display(), b.len())))
}
