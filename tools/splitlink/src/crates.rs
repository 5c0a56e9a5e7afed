//! Crate identities and the folder of dependencies that a rustc run sees.

use crate::bundled;
use crate::plan::{FILE, Item};
use crate::rlib;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a crate's files are called: crate name plus rustc's `-Cextra-filename`, that is a file's stem without `lib`
/// (`foo-123` for `libfoo-123.rlib`). It names the crate in a link plan; one rustc run never sees two of the same.
pub fn identity(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = ["rmeta", "rlib", "so"]
        .iter()
        .find_map(|extension| name.strip_suffix(extension)?.strip_suffix('.'))
        .and_then(|stem| stem.strip_prefix("lib"));
    stem.map(str::to_owned).with_context(|| {
        format!(
            "`{}` is not named as a Rust crate's file\n  help: expected lib<crate>.rmeta, lib<crate>.rlib or lib<crate>.so",
            path.display()
        )
    })
}

/// The crates that an action was given, by identity.
pub type CrateFiles = BTreeMap<String, PathBuf>;

/// Sorts `paths` by identity.
///
/// # Errors
/// If two different files are of one identity, or a file is not named as a crate's.
pub fn by_identity(paths: &[PathBuf]) -> Result<CrateFiles> {
    let mut files = CrateFiles::new();
    for path in paths {
        let id = identity(path)?;
        if let Some(other) = files.insert(id.clone(), path.clone())
            && &other != path
        {
            bail!(
                "two files were given for the crate `{id}`:\n  {}\n  {}\n  help: is one library in the graph twice, in two configurations?",
                other.display(),
                path.display()
            );
        }
    }
    Ok(files)
}

/// The form in which the dependencies' metadata is put before rustc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Plain `.rmeta` files: enough where nothing is linked.
    Metadata,
    /// Hollow rlibs: what rustc asks for when it links. With `markers`, each also marks its place in a staticlib.
    HollowRlib {
        /// Whether to add members that mark places.
        markers: bool,
    },
}

/// One folder with every dependency in it, which takes the place of the command's `--extern` paths and
/// `-Ldependency` folders: rustc then lists one folder and not one for each crate.
#[derive(Debug)]
pub struct DependencyFolder {
    /// The folder.
    pub dir: PathBuf,
    files: CrateFiles,
    /// What rustc's archive of a staticlib holds in place of compiled code: member → what belongs there.
    pub markers: BTreeMap<String, Item>,
}

impl DependencyFolder {
    /// Fills `dir` with `metadata` in the given form, and with `proc_macros` as they are.
    ///
    /// # Errors
    /// If a file cannot be read, or its name is taken.
    pub fn new(dir: PathBuf, metadata: &CrateFiles, proc_macros: &CrateFiles, form: Form) -> Result<Self> {
        let entries: Vec<_> = metadata.iter().enumerate().collect();
        let (mut files, mut marked) = (CrateFiles::new(), BTreeMap::new());
        // On all cores: after rustc itself this is most of what no-link does.
        for placed in on_all_cores(&entries, |&(index, (id, path))| Placed::new(&dir, index, id, path, form)) {
            let placed = placed?;
            files.insert(placed.id, placed.file);
            marked.extend(placed.markers);
        }
        for (id, path) in proc_macros {
            let file = dir.join(format!("lib{id}.so"));
            symlink(path, &file)?;
            files.insert(id.clone(), file);
        }
        Ok(Self { dir, files, markers: marked })
    }

    /// The file in the folder that stands for the file `original` of rustc's command line, if the crate is among those given.
    pub fn replacement(&self, original: &Path) -> Option<&Path> {
        self.files.get(&identity(original).ok()?).map(PathBuf::as_path)
    }
}

/// A crate's metadata in the folder.
struct Placed {
    id: String,
    file: PathBuf,
    markers: Vec<(String, Item)>,
}

impl Placed {
    fn new(dir: &Path, index: usize, id: &str, path: &Path, form: Form) -> Result<Self> {
        // Checked now, by name: rustc, given a broken file, would only say that it cannot find the crate.
        rlib::stamp(path).with_context(|| format!("the metadata given for the crate `{id}` cannot be used"))?;
        let mut placed = Self { id: id.to_owned(), file: dir.join(format!("lib{id}.rlib")), markers: Vec::new() };
        match form {
            Form::Metadata => {
                placed.file = dir.join(path.file_name().unwrap_or_default());
                symlink(path, &placed.file)?;
            }
            Form::HollowRlib { markers: false } => rlib::write_hollow(path, &placed.file)?,
            Form::HollowRlib { markers: true } => {
                let marker = format!("{}{index}", bundled::MARKER);
                for member in rlib::write_marked(path, &placed.file, &marker)? {
                    let of_library = format!("{marker}.{member}");
                    placed.markers.push((of_library, Item::BundledLibrary { id: id.to_owned(), member, arg: FILE.to_owned() }));
                }
                placed.markers.push((marker, Item::Crate { id: id.to_owned() }));
            }
        }
        Ok(placed)
    }
}

/// What `work` makes of each of `items`, in their order, on as many threads as there are cores.
fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.chunks(share).map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the work does not panic")).collect()
    })
}

fn symlink(target: &Path, link: &Path) -> Result<()> {
    let target = fs::canonicalize(target)
        .with_context(|| format!("cannot find `{}`\n  help: is it among the action's inputs?", target.display()))?;
    std::os::unix::fs::symlink(&target, link).with_context(|| format!("cannot make the link `{}`", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities() {
        assert_eq!(identity(Path::new("a/libfoo_bar-12.rlib")).unwrap(), "foo_bar-12");
        assert_eq!(identity(Path::new("libfoo.rmeta")).unwrap(), "foo");
        assert!(identity(Path::new("foo.o")).is_err());
    }

    #[test]
    fn one_file_a_crate() {
        let twice = by_identity(&["a/libfoo-1.rlib".into(), "b/libfoo-1.rlib".into()]);
        let message = twice.unwrap_err().to_string();
        assert!(message.contains("`foo-1`") && message.contains("b/libfoo-1.rlib"), "{message}");
        assert_eq!(by_identity(&["a/libfoo-1.rlib".into(), "a/libfoo-1.rlib".into()]).unwrap().len(), 1);
    }
}
