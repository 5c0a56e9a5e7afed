//! What a compiling action depends on: the crates that it is given, put into one folder for rustc.

use crate::files::archive::Kind;
use crate::files::bundled;
use crate::files::crates::{self, CrateFiles, identity};
use crate::files::exchange::Exchange;
use crate::files::paths::Places;
use crate::files::rlib;
use crate::files::scratch::{self, Scratch};
use crate::formats::dylib_manifest;
use crate::plan::{FILE, Item};
use crate::rustc::args::RustcArgs;
use crate::worker::attached::Worker;
use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that a compiling action is given.
#[derive(Debug, clap::Args)]
pub struct Dependencies {
    /// Metadata (.rmeta) of a Rust crate that this one depends on, directly or not; once for each.
    /// A compiled .rlib will do where there is no .rmeta. [default: none]
    #[arg(long = "metadata", value_name = "RMETA")]
    pub metadata: Vec<PathBuf>,
    /// Proc macro (.so) that this crate or one below it uses; once for each. [default: none]
    #[arg(long = "proc-macro", value_name = "SO")]
    pub proc_macros: Vec<PathBuf>,
    /// A folder of such files, from which rustc takes what the crate needs: `lib*.rmeta`, else
    /// `lib*.rlib`, else `lib*.so` for a proc macro. Other files there are ignored, and two files of
    /// one crate are an error. May be given more than once. [default: none]
    #[arg(long = "metadata-dir", value_name = "DIR")]
    pub metadata_dirs: Vec<PathBuf>,
    /// Compile to LLVM bitcode in place of machine code, which `link-only --lto` needs; the same
    /// for a crate and all below it. A `-Clto` of a linked crate's command is then link-only's to
    /// do. [default: compile to machine code, and embed no bitcode in it
    /// unless the command says so]
    #[arg(long)]
    pub lto: bool,
    /// Compile at this opt-level in place of the command's first `-Copt-level`; a later one, set by
    /// the target itself, still wins. Debug assertions stay as that first one has them. Give the
    /// same for a crate and all below it. [default: the command's own]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(["0", "1", "2", "3", "s", "z"]))]
    pub opt_level: Option<String>,
    /// Split debug information off, as `-Csplit-debuginfo=unpacked` does, and put the crate's `.dwo`
    /// files into this folder, which is made if it does not exist; `splitlink dwp` packs those of a
    /// program. The same for `metadata`, which writes none, and `codegen`. A command's own
    /// `-Csplit-debuginfo=off` leaves the folder empty. [default: none: debug information stays in
    /// the objects]
    #[arg(long, value_name = "DIR")]
    pub dwo_dir: Option<PathBuf>,
    /// A path of the command and the one that stands for it; once for each. It is exchanged wherever
    /// it is a whole path or the beginning of one. [default: none]
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    pub exchange: Vec<String>,
}

/// The files of the crates that an action is given.
#[derive(Debug, Default)]
pub struct Given {
    /// Metadata, by identity.
    pub metadata: CrateFiles,
    /// Proc macros, by identity.
    pub proc_macros: CrateFiles,
}

/// Adds to `places` what rustc is told to read with `args`: the source, and other crates.
pub(crate) fn add_inputs(places: &mut Places, args: &RustcArgs) {
    places.inputs("the source", args.sources());
    places.inputs("a crate", args.values("extern").filter_map(|value| Some(value.split_once('=')?.1)));
}

impl Dependencies {
    /// `command` with the paths exchanged.
    pub(crate) fn exchanged(&self, command: Vec<String>) -> Vec<String> {
        Exchange::of(&self.exchange).apply_all(command)
    }

    /// What the action reads, for rustc is told `args`.
    pub(crate) fn places(&self, args: &RustcArgs) -> Places {
        let mut places = Places::default();
        add_inputs(&mut places, args);
        places.inputs("the metadata of a crate", &self.metadata);
        places.inputs("a proc macro", &self.proc_macros);
        places
    }

    /// The files that are given by name or in folders.
    ///
    /// # Errors
    /// If a folder cannot be listed, or two files are of one crate.
    pub fn given(&self) -> Result<Given> {
        let in_folders = |extension| crates::in_folders(&self.metadata_dirs, &[extension]);
        let mut metadata = crates::by_identity(&[self.metadata.clone(), in_folders("rmeta")?].concat())?;
        let mut proc_macros = crates::by_identity(&self.proc_macros)?;
        for (id, path) in crates::by_identity(&in_folders("rlib")?)? {
            metadata.entry(id).or_insert(path);
        }
        let libraries = in_folders("so")?.into_iter().filter(|path| !dylib_manifest::beside(path).exists());
        for (id, path) in crates::by_identity(&libraries.collect::<Vec<_>>())? {
            if !metadata.contains_key(&id) {
                proc_macros.entry(id).or_insert(path);
            }
        }
        Ok(Given { metadata, proc_macros })
    }

    /// Puts the dependencies into `scratch` in the given form and turns `args` to them. Links to them
    /// that a worker keeps for the next build of the crate stay.
    ///
    /// # Errors
    /// If a file is broken, or two are of one crate.
    pub fn put_before(&self, args: &mut RustcArgs, scratch: &Scratch, form: Form, worker: Option<&Worker>) -> Result<DependencyFolder> {
        refuse_unsupported(args)?;
        // rustc finds what it needs in what it is given here, whole metadata or none: an rlib or a
        // dylib with metadata of its own serves as one without.
        args.remove_unstable("embed-metadata");
        if self.lto {
            args.push("codegen", "linker-plugin-lto");
        }
        if let Some(level) = &self.opt_level {
            args.set_opt_level(level);
        }
        let Given { metadata, proc_macros } = self.given()?;
        let kept = worker.and_then(|worker| worker.incremental.as_deref()).filter(|_| form == Form::Metadata);
        let dir = match kept {
            Some(folder) => scratch::private_folder(&folder.join("dependencies"))?,
            None => scratch.subdir("deps")?,
        };
        let folder = DependencyFolder::new(dir, &metadata, &proc_macros, form)?;
        // Crates that we were not given stay where they are; the folders of the others may hold
        // older builds of them.
        let mut kept = Vec::new();
        for value in args.values("extern") {
            if let Some((_, path)) = value.split_once('=')
                && folder.replacement(Path::new(path)).is_none()
                && let Some(parent) = Path::new(path).parent()
            {
                kept.push(parent.to_string_lossy().into_owned());
            }
        }
        args.exchange("extern", |value| {
            let (name, path) = match value.split_once('=') {
                Some((name, path)) => (name, folder.replacement(Path::new(path))?),
                // By its name alone; `priv:dep` and its like keep what is before.
                None => (value, folder.only_one_called(value.rsplit(':').next().unwrap_or(value))?),
            };
            Some(format!("{name}={}", path.display()))
        });
        args.remove("library-path", |value| value.strip_prefix("dependency=").is_some_and(|dir| !kept.iter().any(|k| k == dir)));
        args.push("library-path", format!("dependency={}", folder.dir.display()));
        Ok(folder)
    }
}

/// Unstable options under which rustc's bitcode is not what LTO takes here.
fn refuse_unsupported(args: &RustcArgs) -> Result<()> {
    let sanitizer = args.unstable("sanitizer").is_some_and(|value| value.split(',').any(|kind| kind == "cfi"));
    let is_on = |key: &str| args.unstable(key).is_some_and(|value| !matches!(value, "no" | "off" | "n" | "false"));
    let refused = [
        (sanitizer, "-Zsanitizer=cfi", "rustc divides the bitcode of each module into two modules in one file"),
        (is_on("split-lto-unit"), "-Zsplit-lto-unit", "rustc divides the bitcode of each module into two modules in one file"),
        (is_on("virtual-function-elimination"), "-Zvirtual-function-elimination", "rustc needs LTO of its own while it compiles"),
    ];
    if let Some((_, option, why)) = refused.into_iter().find(|(is_asked, ..)| *is_asked) {
        bail!(
            "the crate `{}` is compiled with `{option}`, for which {why}; splitlink's LTO does not know that\n  \
             help: leave out `{option}`, or have rustc link the crate itself",
            args.shown_crate_name()
        );
    }
    Ok(())
}

/// The form in which the dependencies' metadata is put before rustc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Plain `.rmeta` files: enough where nothing is linked.
    Metadata,
    /// Hollow rlibs: what rustc asks for when it links. With `markers`, each also marks its place
    /// in a staticlib.
    HollowRlib {
        /// Whether to add members that mark places, and in an archive of what kind: rustc 1.97 warns
        /// of one that is not the target's.
        markers: Option<Kind>,
    },
}

/// One folder with every dependency in it, which takes the place of the command's `--extern` paths
/// and `-Ldependency` folders: rustc then lists one folder and not one for each crate.
#[derive(Debug)]
pub struct DependencyFolder {
    /// The folder.
    pub dir: PathBuf,
    files: CrateFiles,
    /// What rustc's archive of a staticlib holds in place of compiled code: member → what belongs
    /// there.
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
        remove_others(&dir, &files)?;
        Ok(Self { dir, files, markers: marked })
    }

    /// The file of the crate called `name`, if there is one and no other.
    fn only_one_called(&self, name: &str) -> Option<&Path> {
        let mut called = self.files.iter().filter(|(id, _)| crates::name(id) == name);
        let (_, file) = called.next()?;
        called.next().is_none().then_some(file)
    }

    /// The file in the folder that stands for the file `original` of rustc's command line, if the
    /// crate is among those given.
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
        // Checked now, by name: rustc, given a broken file, would only say that it cannot find the
        // crate.
        rlib::stamp(path).with_context(|| format!("the metadata given for the crate `{id}` cannot be used"))?;
        let mut placed = Self { id: id.to_owned(), file: dir.join(format!("lib{id}.rlib")), markers: Vec::new() };
        match form {
            Form::Metadata => {
                placed.file = dir.join(path.file_name().unwrap_or_default());
                symlink(path, &placed.file)?;
            }
            Form::HollowRlib { markers: None } => rlib::write_hollow(path, &placed.file)?,
            Form::HollowRlib { markers: Some(kind) } => {
                let marker = format!("{}{index}", bundled::MARKER);
                for member in rlib::write_marked(path, &placed.file, &marker, kind)? {
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

/// Removes what is at `path`, if anything is.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.with_context(|| scratch::cannot_write(path))
}

/// Removes from `dir` what is none of `files`: what an earlier build depended on.
fn remove_others(dir: &Path, files: &CrateFiles) -> Result<()> {
    let names: BTreeSet<_> = files.values().filter_map(|file| file.file_name()).collect();
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list `{}`", dir.display()))?;
    for entry in entries.flatten().filter(|entry| !names.contains(entry.file_name().as_os_str())) {
        remove(&entry.path())?;
    }
    Ok(())
}

fn symlink(target: &Path, link: &Path) -> Result<()> {
    let target = fs::canonicalize(target)
        .with_context(|| format!("cannot find `{}`\n  help: is it among the action's inputs?", target.display()))?;
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    remove(link)?;
    std::os::unix::fs::symlink(&target, link).with_context(|| format!("cannot make the link `{}`", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_last_build() {
        let dir = std::env::temp_dir().join(format!("splitlink-dependencies-{}", std::process::id()));
        let links = dir.join("links");
        fs::create_dir_all(links.join("libb-1.so")).unwrap();
        fs::write(links.join("liba-1.so"), "no link").unwrap();
        fs::write(links.join("libold-1.so"), "").unwrap();
        let mut macros = CrateFiles::new();
        for name in ["a", "b"] {
            let file = dir.join(format!("{name}.so"));
            fs::write(&file, name).unwrap();
            macros.insert(format!("{name}-1"), file);
        }
        let contents = || ["liba-1.so", "libb-1.so"].map(|name| fs::read_to_string(links.join(name)).unwrap());
        for _ in 0..2 {
            DependencyFolder::new(links.clone(), &CrateFiles::new(), &macros, Form::Metadata).unwrap();
            assert_eq!(contents(), ["a", "b"]);
            assert_eq!(fs::read_dir(&links).unwrap().count(), 2);
            // Another file of the same crate.
            let moved = dir.join("moved.so");
            fs::copy(dir.join("a.so"), &moved).unwrap();
            macros.insert("a-1".to_owned(), moved);
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
