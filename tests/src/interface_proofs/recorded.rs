//! A published program as Cargo builds it. Cargo runs once, with a wrapper of rustc that records the
//! commands; the crates of others stay as it has compiled them.

use crate::real_programs::{GITOXIDE, Program, RIPGREP, cache, sources};
use crate::rustc_fixture::tools::{Toolchain, succeed};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program with the libraries that are developed with it.
#[derive(Debug, Clone, Copy)]
pub struct Developed {
    /// The program.
    pub program: Program,
    /// How the names of these libraries begin.
    libraries: &'static [&'static str],
}

/// ripgrep without PCRE2, which is C.
pub const RIPGREP_ALONE: Developed = Developed { program: Program { features: &[], ..RIPGREP }, libraries: &["grep", "globset", "ignore"] };

/// gitoxide.
pub const GIX: Developed = Developed { program: GITOXIDE, libraries: &["gix", "gitoxide"] };

/// How one crate is compiled.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The name and the extra file name.
    pub id: String,
    /// The package's folder, where rustc runs.
    pub folder: PathBuf,
    /// The root, below the folder.
    pub root: PathBuf,
    /// rustc's environment.
    pub environment: Vec<(String, String)>,
    /// rustc's arguments, without what says where things are.
    pub args: Vec<String>,
    /// The crates that it names, each as `name` and identity.
    pub externs: Vec<(String, String)>,
    /// Whether it is the program.
    pub is_program: bool,
}

/// A program whose own crates can be compiled anew.
#[derive(Debug)]
pub struct Recorded {
    /// Its own libraries, those first that others depend on, and the program at the end.
    pub units: Vec<Unit>,
    /// The crates of others.
    pub others: Vec<PathBuf>,
    /// Nobody else builds there until this is dropped.
    _lock: File,
}

impl Recorded {
    /// Has Cargo build `developed` in the cache, if it has not yet, and reads what was recorded.
    ///
    /// # Errors
    /// If Cargo fails, or a record is not understood.
    pub fn new(developed: &Developed) -> Result<Self> {
        let program = developed.program;
        let rustc = Toolchain::stable().sysroot.file_name().context("the toolchain has no name")?.to_string_lossy().into_owned();
        let folder = cache()?.join("interface_proofs").join(format!("{}-{}-{rustc}", program.package, program.version));
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock().context("cannot wait for others that build the program")?;
        let (records, target) = (folder.join("records"), folder.join("target"));
        if !folder.join("done").exists() {
            let _ = fs::remove_dir_all(&records);
            let _ = fs::remove_dir_all(&target);
            fs::create_dir_all(&records)?;
            sources::download(&folder.join("download"), &folder, &[program])?;
            let wrapper = std::env::current_exe()?.ancestors().nth(2).context("no target folder")?.join("recording_rustc");
            let mut cargo = Command::new("cargo");
            cargo.args(["build", "--locked", "--bin", program.bin, "--target-dir"]).arg(&target);
            cargo.current_dir(folder.join(program.package)).env("RUSTC_WRAPPER", wrapper).env("RECORDS", &records);
            cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0").env("GIT_DIR", "none");
            cargo.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").env_remove("CARGO_ENCODED_RUSTFLAGS");
            succeed(&mut cargo)?;
            fs::write(folder.join("done"), "")?;
        }
        let mut units = Vec::new();
        for record in fs::read_dir(&records)? {
            let record = record?.path();
            let is_own = |unit: &Unit| unit.is_program || developed.libraries.iter().any(|begin| unit.id.starts_with(begin));
            let unit = Unit::read(&record).with_context(|| format!("the record `{}`", record.display()))?;
            units.extend(unit.filter(is_own));
        }
        let others = others(&target.join("debug/deps"), &units)?;
        Ok(Self { units: in_order(units)?, others, _lock: lock })
    }

    /// The program's own libraries.
    pub fn libraries(&self) -> &[Unit] {
        &self.units[..self.units.len() - 1]
    }
}

/// The libraries and proc macros in `folder` that are none of `own`.
fn others(folder: &Path, own: &[Unit]) -> Result<Vec<PathBuf>> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((id, extension)) = name.strip_prefix("lib").and_then(|name| name.rsplit_once('.')) else { continue };
        if matches!(extension, "rlib" | "so") && own.iter().all(|unit| unit.id != id) {
            others.push(path);
        }
    }
    others.sort();
    Ok(others)
}

fn in_order(mut units: Vec<Unit>) -> Result<Vec<Unit>> {
    units.sort_by(|a, b| (a.is_program, &a.id).cmp(&(b.is_program, &b.id)));
    let (mut done, mut ordered) = (BTreeSet::new(), Vec::<Unit>::new());
    let ids: BTreeSet<String> = units.iter().map(|unit| unit.id.clone()).collect();
    while !units.is_empty() {
        let is_ready = |unit: &Unit| unit.externs.iter().all(|(_, id)| !ids.contains(id) || done.contains(id));
        let at = units.iter().position(is_ready).context("crates depend on each other")?;
        let unit = units.remove(at);
        done.insert(unit.id.clone());
        ordered.push(unit);
    }
    ensure!(ordered.last().is_some_and(|unit| unit.is_program), "the program is not the last");
    Ok(ordered)
}

impl Unit {
    /// The library or the program that a record is of; none of a build script or a proc macro.
    fn read(path: &Path) -> Result<Option<Self>> {
        let record: Value = serde_json::from_slice(&fs::read(path)?)?;
        let id = path.file_stem().context("no name")?.to_string_lossy().into_owned();
        let mut environment: BTreeMap<String, String> =
            serde_json::from_value::<Vec<_>>(record["environment"].clone())?.into_iter().collect();
        for own in ["RUSTC_WRAPPER", "RECORDS", "RUSTC_BOOTSTRAP"] {
            environment.remove(own);
        }
        let folder = PathBuf::from(record["folder"].as_str().context("no folder")?);
        let mut unit = Self {
            id,
            folder,
            root: PathBuf::new(),
            environment: environment.into_iter().collect(),
            args: Vec::new(),
            externs: Vec::new(),
            is_program: false,
        };
        let mut kind = String::new();
        let given: Vec<String> = serde_json::from_value(record["args"].clone())?;
        let mut given = given.into_iter();
        while let Some(arg) = given.next() {
            let (option, value) = match arg.as_str() {
                "-C" | "-L" | "--extern" | "--out-dir" | "--crate-type" | "--cfg" | "--check-cfg" | "--crate-name" | "--cap-lints"
                | "-l" => (arg.clone(), given.next().context("an option lacks its value")?),
                _ => (String::new(), arg.clone()),
            };
            match (option.as_str(), value.as_str()) {
                ("", source) if source.ends_with(".rs") => unit.root = relative(&unit.folder, source)?,
                ("", other)
                    if ["--emit", "--error-format", "--json", "--diagnostic-width"].iter().any(|begin| other.starts_with(begin)) => {}
                ("", _) => unit.args.push(value),
                ("--out-dir", _) => {}
                ("-C", value) if value.starts_with("incremental=") || value.starts_with("debuginfo=") => {}
                ("-L", value) if value.starts_with("dependency=") => {}
                ("--extern", value) => unit.externs.extend(dependency(value)),
                _ => {
                    if option == "--crate-type" {
                        kind.clone_from(&value);
                    }
                    unit.args.extend([option, value]);
                }
            }
        }
        unit.is_program = kind == "bin" && !unit.id.starts_with("build_script_");
        Ok((unit.is_program || kind == "lib" || kind == "rlib").then_some(unit))
    }
}

fn relative(folder: &Path, source: &str) -> Result<PathBuf> {
    let source = Path::new(source);
    let inside = if source.is_absolute() { source.strip_prefix(folder).ok() } else { Some(source) };
    inside.map(Path::to_owned).with_context(|| format!("`{}` is not in `{}`", source.display(), folder.display()))
}

/// The name and the identity in the value of `--extern`; none of a crate of the toolchain's.
fn dependency(value: &str) -> Option<(String, String)> {
    let (name, path) = value.split_once('=')?;
    let stem = Path::new(path).file_stem()?.to_string_lossy().into_owned();
    Some((name.to_owned(), stem.strip_prefix("lib")?.to_owned()))
}
