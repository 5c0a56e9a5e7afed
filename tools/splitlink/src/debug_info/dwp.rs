//! `splitlink dwp`: a DWARF package of the `.dwo` files that a linked artifact refers to, which
//! debuggers look for beside it (`app.dwp` beside `app`).
//!
//! Which files these are, the artifact says: of each unit of debug information that is elsewhere it
//! has a skeleton, with the name of the `.dwo` file and a number that both have. Files of crates that
//! are not linked may be given, too.

use super::skeletons::{self, Skeleton};
use crate::files::archive;
use crate::files::paths::Places;
use crate::files::scratch::{self, Scratch};
use crate::lto::split_debug_info::{FOLDER, dwarf_version};
use anyhow::{Context, Result, bail};
use object::{Object, write};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is packed.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where to write the package
    #[arg(long, value_name = "DWP")]
    output: PathBuf,
    /// The program or shared library, as `link-only` wrote it, not stripped
    #[arg(long, value_name = "FILE")]
    artifact: PathBuf,
    /// A folder that `codegen`, `no-link` or `link-only --lto` filled with `.dwo` files; once for each crate that may be
    /// linked. [default: none]
    #[arg(long = "dwo-dir", value_name = "DIR")]
    dwo_dirs: Vec<PathBuf>,
    /// Another such file, of native code, say; once for each. [default: none]
    #[arg(long = "dwo", value_name = "DWO")]
    dwo_files: Vec<PathBuf>,
}

/// Writes the package.
///
/// # Errors
/// If a file is missing that the artifact refers to, or of another build, or cannot be packed.
pub fn run(options: &Options) -> Result<()> {
    let mut places = Places::default();
    places.output("the package", &options.output);
    places.inputs("the artifact", [&options.artifact]);
    places.inputs("a `.dwo` file", &options.dwo_files);
    options.dwo_dirs.iter().for_each(|dir| places.input_folder("a folder of `.dwo` files", dir));
    places.check()?;
    let artifact = options.artifact.display();
    let bytes =
        fs::read(&options.artifact).with_context(|| format!("cannot read `{artifact}`\n  help: is it among the action's inputs?"))?;
    if archive::is_archive(&bytes) {
        bail!("`{artifact}` is an archive, which is not linked\n  help: give the program that is linked with it");
    }
    let object = object::File::parse(&*bytes)
        .with_context(|| format!("`{artifact}` is no program or library\n  help: give what `link-only` wrote"))?;
    let skeletons = skeletons::skeletons(&object).with_context(|| format!("the debug information of `{artifact}` is broken"))?;
    let found = Found::of(options)?;
    if object.section_by_name(".debug_info").is_none() && !found.by_name.is_empty() {
        bail!(
            "`{artifact}` has no debug information, by which `.dwo` files are found: was it stripped?\n  \
             help: link it without `-Cstrip`, and strip a copy"
        );
    }
    let wanted = found.all(&options.artifact, &skeletons)?;
    found.check_versions(&options.artifact, &wanted)?;
    let package = package(&found, &wanted, &object)?;
    scratch::publish_bytes(&Scratch::beside(&options.output)?, &package, &options.output)
}

/// The package of the files `wanted`, in this order, for `object`.
fn package(found: &Found, wanted: &[PathBuf], object: &object::File<'_>) -> Result<Vec<u8>> {
    let mut package = thorin::DwarfPackage::new(found);
    for file in wanted {
        package.add_input_object(file).with_context(|| format!("`{}` cannot be packed", file.display()))?;
    }
    if wanted.is_empty() {
        // A crate without debug information. A package without a unit has nothing to say.
        return Ok(write::Object::new(object.format(), object.architecture(), object.endianness()).write()?);
    }
    let package = package.finish().context("the `.dwo` files cannot be packed")?;
    package.write().context("the package cannot be written")
}

/// The files that were given.
struct Found {
    /// By name, in the order of the folders.
    by_name: BTreeMap<String, Vec<PathBuf>>,
    /// What was read of them; it lives as long as the process, which ends with the package.
    read: RefCell<HashMap<PathBuf, &'static [u8]>>,
}

impl Found {
    fn of(options: &Options) -> Result<Self> {
        let mut by_name: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut files = Vec::new();
        for dir in &options.dwo_dirs {
            let entries = fs::read_dir(dir).with_context(|| {
                format!("cannot list the folder of debug information `{}`\n  help: is it among the action's inputs?", dir.display())
            })?;
            let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "dwo"));
            paths.sort();
            files.extend(paths);
        }
        for file in files.into_iter().chain(options.dwo_files.iter().cloned()) {
            by_name.entry(archive::file_name(&file)).or_default().push(file);
        }
        Ok(Self { by_name, read: RefCell::default() })
    }

    /// The file for each of the `skeletons` in `artifact`, in their order and once each.
    fn all(&self, artifact: &Path, skeletons: &[Skeleton]) -> Result<Vec<PathBuf>> {
        let mut wanted = Vec::new();
        let mut added = BTreeSet::new();
        let mut missing = Vec::new();
        let mut by_id = None;
        for skeleton in skeletons {
            let named = self.by_name.get(&archive::file_name(Path::new(&skeleton.name))).map_or(&[][..], Vec::as_slice);
            let mut file = None;
            for path in named {
                if self.ids(path)?.contains(&skeleton.id) {
                    file = Some(path.clone());
                    break;
                }
            }
            if file.is_none() {
                // What rustc has taken from the last build names the file as that build did.
                let by_id = match &mut by_id {
                    Some(by_id) => by_id,
                    empty => empty.insert(self.by_id()?),
                };
                file = by_id.get(&skeleton.id).cloned();
            }
            match file {
                Some(file) if added.insert(file.clone()) => wanted.push(file),
                Some(_) => {}
                None => missing.push((skeleton, named)),
            }
        }
        if let Some((skeleton, named)) = missing.first() {
            let names: BTreeSet<_> = missing.iter().map(|(skeleton, _)| of_crate(&skeleton.name)).collect();
            let all = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let (artifact, name, of) = (artifact.display(), &skeleton.name, of_crate(&skeleton.name));
            match named.first() {
                Some(other) => bail!(
                    "the debug information `{}` is of another build of {of} than the one in `{artifact}`\n  \
                     help: build both from the same sources; so for {all}",
                    other.display()
                ),
                None => bail!(
                    "`{artifact}` refers to the debug information `{name}` of {of}, which was not given\n  \
                     help: give with `--dwo-dir` what `codegen` of a library and `no-link` wrote for each crate that is linked, and `link-only` with LTO; \
                     some is missing of {all}"
                ),
            }
        }
        Ok(wanted)
    }

    /// Checks that the files `wanted` of `artifact` can be in one package, whose index is another in each
    /// version of DWARF.
    fn check_versions(&self, artifact: &Path, wanted: &[PathBuf]) -> Result<()> {
        let mut first: BTreeMap<u16, &PathBuf> = BTreeMap::new();
        for path in wanted {
            let broken = || format!("`{}` is not a whole `.dwo` file", path.display());
            if let Some(version) = dwarf_version(self.bytes(path).with_context(broken)?).with_context(broken)? {
                first.entry(version).or_insert(path);
            }
        }
        if first.len() > 1 {
            let all = first.iter().map(|(version, path)| format!("DWARF {version} (`{}`)", path.display()));
            bail!(
                "`{}` refers to debug information of more than one version, {}, and a package has one alone\n  \
                 help: compile C and C++ code with `-gdwarf-4` (with Bazel, `--copt=-gdwarf-4`), or Rust code with `-Cdwarf-version=5`",
                artifact.display(),
                all.collect::<Vec<_>>().join(" and ")
            );
        }
        Ok(())
    }

    /// All files, by what is in them.
    fn by_id(&self) -> Result<HashMap<u64, PathBuf>> {
        let mut by_id = HashMap::new();
        for path in self.by_name.values().flatten() {
            for id in self.ids(path)? {
                by_id.entry(id).or_insert_with(|| path.clone());
            }
        }
        Ok(by_id)
    }

    fn ids(&self, path: &Path) -> Result<Vec<u64>> {
        let bytes = self.bytes(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let broken =
            || format!("`{}` is not a whole `.dwo` file\n  help: was it truncated? build the crate it comes from again", path.display());
        let object = object::File::parse(bytes).with_context(broken)?;
        skeletons::ids(&object).with_context(broken)
    }

    fn bytes(&self, path: &Path) -> io::Result<&'static [u8]> {
        if let Some(bytes) = self.read.borrow().get(path) {
            return Ok(bytes);
        }
        let bytes = Vec::leak(fs::read(path)?);
        self.read.borrow_mut().insert(path.to_owned(), bytes);
        Ok(bytes)
    }
}

impl<Relocations: 'static> thorin::Session<Relocations> for Found {
    fn alloc_data(&self, data: Vec<u8>) -> &[u8] {
        Vec::leak(data)
    }

    fn alloc_relocation(&self, data: Relocations) -> &Relocations {
        Box::leak(Box::new(data))
    }

    fn read_input(&self, path: &Path) -> io::Result<&[u8]> {
        self.bytes(path)
    }
}

/// Whose debug information a `.dwo` file of this name is, for messages: `the crate `dep` (dep-1)` of
/// `dep-1.dep.<hash>-cgu.0.rcgu.dwo`.
fn of_crate(name: &str) -> String {
    if Path::new(name).components().any(|part| part.as_os_str() == FOLDER) {
        return "what LTO made".to_owned();
    }
    let name = archive::file_name(Path::new(name));
    let Some(stem) = name.strip_suffix(".rcgu.dwo") else { return "native code".to_owned() };
    let mut parts = stem.rsplit_once("-cgu.").map_or(stem, |(before, _)| before).rsplitn(3, '.').skip(1);
    match (stem.contains("-cgu."), parts.next(), parts.next()) {
        (true, Some(crate_name), Some(identity)) if crate_name == identity => format!("the crate `{crate_name}`"),
        (true, Some(crate_name), Some(identity)) => format!("the crate `{crate_name}` ({identity})"),
        _ => format!("the crate `{}`", stem.split('.').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_debug_information() {
        for (name, expected) in [
            ("dep-1.dep.f19b1e2d3c4b5a69-cgu.0.rcgu.dwo", "the crate `dep` (dep-1)"),
            ("app.app.f19b1e2d3c4b5a69-cgu.12.rcgu.dwo", "the crate `app`"),
            ("o/app.v1.2.app.f19b1e2d3c4b5a69-cgu.12.rcgu.dwo", "the crate `app` (app.v1.2)"),
            ("app.0bgcjqxrizy2bxs85aolul4on.1y0u8jb.rcgu.dwo", "the crate `app`"),
            ("bazel-out/x/_objs/a.dwo", "native code"),
            ("lto.dwo/3.dwo", "what LTO made"),
        ] {
            assert_eq!(of_crate(name), expected);
        }
    }
}
