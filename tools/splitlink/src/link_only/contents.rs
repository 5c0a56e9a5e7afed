//! What the link report says of an artifact's contents, beyond the formats: names, sizes, and native
//! libraries.

use super::linker_call::Called;
use super::linking::Linking;
use crate::files::paths::as_argument;
use crate::files::run_time::RunTime;
use crate::files::{crates, rlib};
use crate::formats::link_line::{self, Part};
use crate::formats::purl::Purl;
use crate::formats::report::{Artifact, ArtifactTimes, CrateFormat, LinkerCall, NativeLibrary};
use crate::plan::{CWD, Item, MODULES, SYSROOT};
use anyhow::{Context, Result};
use object::ReadCache;
use object::read::archive::ArchiveFile;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

/// What stands in a report for the artifact, where the linker was told to make it.
const OUTPUT: &str = "{output}";

/// What stands there for the folder of what link-only makes for the link.
const SCRATCH: &str = "{scratch}";

/// A name for a crate, by people: the label of its target, or its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateName {
    /// The crate's identity.
    id: String,
    /// The name.
    name: String,
}

impl CrateName {
    /// Takes `RLIB=NAME` apart.
    ///
    /// # Errors
    /// If `text` is of another form.
    pub fn parse(text: &str) -> Result<Self> {
        let (file, name) = text
            .split_once('=')
            .filter(|(_, name)| !name.is_empty())
            .context("there is no `=` with a name behind it\n  help: write it as libNAME.rlib=WHAT")?;
        Ok(Self { id: crates::identity(Path::new(file))?, name: name.to_owned() })
    }
}

/// The package of a crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CratePurl {
    /// The crate's identity.
    id: String,
    /// The package.
    purl: Purl,
}

impl CratePurl {
    /// Takes `RLIB=PURL` apart.
    ///
    /// # Errors
    /// If `text` is of another form, or the package URL of something else than a Cargo package.
    pub fn parse(text: &str) -> Result<Self> {
        let CrateName { id, name } = CrateName::parse(text)?;
        Ok(Self { id, purl: name.parse()? })
    }
}

/// Gives `crates` the names that link-only was told.
pub(crate) fn name(linking: &Linking<'_>, crates: &mut [CrateFormat]) {
    let names = |given: &'_ [CrateName]| given.iter().map(|given| (given.id.clone(), given.name.clone())).collect::<HashMap<_, _>>();
    let (mut labels, mut versions) = (names(&linking.options.crate_labels), names(&linking.options.crate_versions));
    let purls = linking.options.crate_purls.iter().map(|given| (given.id.as_str(), &given.purl)).collect::<HashMap<_, _>>();
    for found in crates {
        found.label = labels.remove(&found.id);
        found.purl = purls.get(found.id.as_str()).copied().cloned();
        let of_package = || found.purl.as_ref().map(|purl| purl.semver().to_string());
        found.version = versions.remove(&found.id).or_else(of_package);
    }
}

/// The version and the package of the crate that is linked, as far as link-only was told. That may be
/// a library, which is linked as a dylib.
pub(crate) fn root(linking: &Linking<'_>) -> (Option<String>, Option<Purl>) {
    let options = linking.options;
    let own = linking.link.line.iter().find_map(|item| if let Item::WholeCrate { id } = item { Some(id) } else { None });
    let (version, purl) = match own {
        Some(own) => (
            options.crate_versions.iter().find(|given| given.id == *own).map(|given| &given.name),
            options.crate_purls.iter().find(|given| given.id == *own).map(|given| &given.purl),
        ),
        None => (options.root_version.as_ref(), options.root_purl.as_ref()),
    };
    (version.cloned().or_else(|| purl.map(|purl| purl.semver().to_string())), purl.cloned())
}

/// How an artifact was made.
#[derive(Debug)]
pub(crate) enum How {
    /// By a call of the linker.
    Called(Called),
    /// It was written as an archive, which took so long.
    Archived(Duration),
}

/// The part of the report for the artifact that `linking` has `made` so, and that goes to `output`.
///
/// # Errors
/// If a file cannot be read again.
pub(crate) fn report(linking: &Linking<'_>, made: &Path, output: &Path, how: &How) -> Result<Artifact> {
    let mut artifact = linking.decision.report(output);
    artifact.bytes = fs::metadata(made).with_context(|| format!("cannot look at `{}`", made.display()))?.len();
    if let How::Called(call) = how {
        artifact.linker = Some(LinkerCall { program: call.program.clone(), arguments: linking.portable_arguments(&call.args, made)? });
        RunTime { run_paths: artifact.run_paths, needed: artifact.needed } = RunTime::read(made)?;
    }
    artifact.milliseconds = linking.options.report_times.then(|| match how {
        How::Called(call) => ArtifactTimes { linker: Some(milliseconds(call.took)), archive: None },
        How::Archived(took) => ArtifactTimes { linker: None, archive: Some(milliseconds(*took)) },
    });
    artifact.native_libraries = native_libraries(linking);
    name(linking, &mut artifact.crates);
    let mut bytes = HashMap::new();
    for item in items(linking) {
        let Some(id) = link_line::crate_of(item) else { continue };
        let file = match item {
            Item::SysrootCrate { target, file_name } => linking.sysroot_crate(target, file_name)?,
            _ => linking.rlib(id)?.to_owned(),
        };
        bytes.insert(id, bytes_to_link(&file)?);
    }
    for found in &mut artifact.crates {
        found.bytes = bytes.get(found.id.as_str()).copied();
    }
    add_releases(linking, &mut artifact.crates)?;
    Ok(artifact)
}

/// The crates of the standard library that have no version of their own (0.0.0 in the `Cargo.toml` of
/// rustc's `library/`, 1.95): they are released with rustc, and advisories name them by its version.
const RELEASED_WITH_RUSTC: [&str; 10] =
    ["alloc", "core", "panic_abort", "panic_unwind", "proc_macro", "profiler_builtins", "std", "sysroot", "test", "unwind"];

/// Gives those of `crates` that are released with rustc its version, which their rlibs say.
fn add_releases(linking: &Linking<'_>, crates: &mut [CrateFormat]) -> Result<()> {
    let of_sysroot = linking.link.line.iter().filter_map(|item| match item {
        Item::SysrootCrate { target, file_name } => Some((link_line::crate_of(item)?, target, file_name)),
        _ => None,
    });
    let of_sysroot: HashMap<&str, _> = of_sysroot.map(|(id, target, file_name)| (id, (target, file_name))).collect();
    for found in crates.iter_mut().filter(|found| RELEASED_WITH_RUSTC.contains(&found.crate_name())) {
        // Where a dylib has them inside, the rlibs need not be there.
        let Some(file) = of_sysroot.get(found.id.as_str()).and_then(|(target, name)| linking.sysroot_crate(target, name).ok()) else {
            continue;
        };
        found.version = rlib::release_of_rustc(&file)?;
    }
    Ok(())
}

/// As reports have times.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Linking<'_> {
    /// The linker's arguments `args` with placeholders for what is another path elsewhere; they make
    /// `artifact`.
    fn portable_arguments(&self, args: &[String], artifact: &Path) -> Result<Vec<String>> {
        let cwd = std::env::current_dir().context("cannot tell the working folder")?;
        let known = [
            (Some(artifact), OUTPUT),
            (Some(self.scratch.path()), SCRATCH),
            (Some(&*self.options.modules), MODULES),
            (self.options.sysroot.as_deref(), SYSROOT),
            (Some(&*cwd), CWD),
        ];
        let known: Vec<(String, &str)> = known.into_iter().filter_map(|(path, name)| Some((as_argument(path?), name))).collect();
        Ok(args.iter().map(|arg| known.iter().fold(arg.clone(), |arg, (path, name)| with_placeholder(&arg, path, name))).collect())
    }
}

/// `arg` with `placeholder` where `path` stands in it, or something below that.
fn with_placeholder(arg: &str, path: &str, placeholder: &str) -> String {
    // What may stand for anything is no path to know again.
    if path.is_empty() || path == "." || path == "/" {
        return arg.to_owned();
    }
    let path = path.trim_end_matches('/');
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in arg.match_indices(path) {
        let (before, after) = (&arg[..at], &arg[at + path.len()..]);
        let begins = before.is_empty() || before == "-L" || before == "-B" || before.ends_with(['=', ',', ':', '@']);
        if at >= done && begins && (after.is_empty() || after.starts_with(['/', ',', ':'])) {
            out.push_str(&arg[done..at]);
            out.push_str(placeholder);
            done = at + path.len();
        }
    }
    out + &arg[done..]
}

/// What of the plan is linked.
fn items<'a>(linking: &Linking<'a>) -> impl Iterator<Item = &'a Item> {
    linking.decision.line.parts.iter().filter_map(|part| if let Part::Item(item) = part { Some(*item) } else { None })
}

fn native_libraries(linking: &Linking<'_>) -> Vec<NativeLibrary> {
    let mut found: Vec<NativeLibrary> = Vec::new();
    for item in items(linking) {
        let library = match item {
            Item::NativeLibrary { arg } => NativeLibrary { name: arg.strip_prefix("-l").unwrap_or(arg).to_owned(), carried_by: None },
            Item::BundledLibrary { id, member, .. } => NativeLibrary { name: member.clone(), carried_by: Some(id.clone()) },
            Item::ArchivedLibrary { name, .. } => NativeLibrary { name: name.clone(), carried_by: None },
            _ => continue,
        };
        if !found.contains(&library) {
            found.push(library);
        }
    }
    found
}

/// The size of all in an rlib that is no metadata. Of its bytes, only what tells its members apart is
/// read.
fn bytes_to_link(path: &Path) -> Result<u64> {
    let cannot = || format!("cannot read the rlib `{}`", path.display());
    let file = ReadCache::new(File::open(path).with_context(cannot)?);
    let archive = ArchiveFile::parse(&file).with_context(cannot)?;
    let mut bytes = 0;
    for member in archive.members() {
        let member = member.with_context(cannot)?;
        if !std::str::from_utf8(member.name()).is_ok_and(rlib::is_metadata) {
            bytes += member.size();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_arguments() {
        for (arg, path, expected) in [
            ("m/a.o", "m", "X/a.o"),
            ("mm/m/a.o", "m", "mm/m/a.o"),
            ("-Lm", "m", "-LX"),
            ("-lm", "m", "-lm"),
            ("-Wl,-rpath,m,m/b:m", "m", "-Wl,-rpath,X,X/b:X"),
            ("--script=/a/m/list", "/a/m/", "--script=X/list"),
            ("m-1", "m", "m-1"),
            ("./a", ".", "./a"),
            ("/a", "/", "/a"),
        ] {
            assert_eq!(with_placeholder(arg, path, "X"), expected, "{arg}");
        }
    }

    #[test]
    fn names_of_crates() {
        let name = CrateName::parse("out/liba-1.rlib=//a:a=b").unwrap();
        assert_eq!((name.id.as_str(), name.name.as_str()), ("a-1", "//a:a=b"));
        for (text, why) in [("liba-1.rlib", "no `=`"), ("liba-1.rlib=", "no `=`"), ("a.txt=1", "a.txt")] {
            assert!(format!("{:#}", CrateName::parse(text).unwrap_err()).contains(why), "{text}");
        }
    }
}
