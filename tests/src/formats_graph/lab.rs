//! A toolchain, a folder to work in, and the linker that stands in for the real one.

use super::case::Shape;
use super::outcome::{Line, Taken, line_of};
use super::{random, source};
use crate::rustc_fixture::tools::{Once, Toolchain, empty_folder, splitlink, succeed};
use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Where a toolchain's cases are built.
#[derive(Debug)]
pub struct Lab {
    /// The toolchain.
    pub toolchain: &'static Toolchain,
    /// The folder, which is every command's working folder.
    pub dir: PathBuf,
    /// Whether artifacts are really linked, so that they can be run; the linker's arguments are
    /// recorded in any case.
    pub links: bool,
    /// The seed of the crates' sources, which then are random, and crates are compiled against
    /// interfaces.
    pub with_interfaces: Option<u64>,
    path: OsString,
}

impl Lab {
    /// A lab in the folder `name` of the workplace.
    ///
    /// # Errors
    /// If the folder cannot be made, or the manifest of the toolchain's standard library.
    pub fn new(toolchain: &'static Toolchain, name: &str, links: bool) -> Result<Self> {
        let dir = empty_folder(name)?;
        let linkers = dir.join("linkers");
        fs::create_dir_all(&linkers)?;
        let stand_in = std::env::current_exe()?.ancestors().nth(2).context("no target folder")?.join("stand_in_linker");
        // A copy, which no later build takes away under us: the real linker would take its place.
        // Made by another process, for a file that one thread here has open for writing cannot be
        // run by any.
        succeed(Command::new("cp").arg(stand_in).arg(linkers.join("cc")))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(linkers).chain(std::env::split_paths(&path)))?;
        let lab = Self { toolchain, dir, links, with_interfaces: None, path };
        static MANIFESTS: Once<String> = Once::new();
        let manifest = MANIFESTS.get(toolchain.name, || {
            let mut command = lab.splitlink(&["std-manifest", "--output", "std.json"]);
            command.arg("--libdir").arg(lab.libdir()).arg("--rustc").arg(&toolchain.rustc);
            succeed(&mut command)?;
            Ok(fs::read_to_string(lab.dir.join("std.json"))?)
        })?;
        lab.write("std.json", manifest)?;
        Ok(lab)
    }

    /// The same, where crates have random sources of `seed` and are compiled against interfaces.
    #[must_use]
    pub fn with_interfaces(self, seed: u64) -> Self {
        Self { with_interfaces: Some(seed), ..self }
    }

    /// The source of the inner crate at `place` of `shape`.
    pub fn inner(&self, shape: &Shape, place: usize) -> String {
        self.with_interfaces.map_or_else(|| source::inner(shape, place), |seed| random::inner(seed, shape, place))
    }

    /// The source of the linked crate of `shape`.
    pub fn top(&self, shape: &Shape, crate_type: &str) -> String {
        let seed = self.with_interfaces.filter(|_| crate_type == "bin");
        seed.map_or_else(|| source::top(shape, crate_type), |seed| random::top(seed, shape))
    }

    /// The folder of the toolchain's standard library.
    pub fn libdir(&self) -> PathBuf {
        self.toolchain.sysroot.join("lib/rustlib").join(&self.toolchain.host).join("lib")
    }

    /// splitlink with `args`.
    pub fn splitlink(&self, args: &[&str]) -> Command {
        let mut command = Command::new(splitlink());
        command.args(args).current_dir(&self.dir);
        self.with_linker(command)
    }

    /// rustc.
    pub fn rustc(&self) -> Command {
        self.with_linker(self.toolchain.command(&self.dir))
    }

    fn with_linker(&self, mut command: Command) -> Command {
        command.env("PATH", &self.path);
        if self.links {
            command.env("STAND_IN_LINKS", "1");
        }
        command
    }

    /// Flags for rustc on both sides: where nothing is linked, what code is divided into is never
    /// seen, and one part is compiled in less time.
    pub fn quick(&self) -> &'static [&'static str] {
        match (self.links, self.with_interfaces) {
            (false, _) => &["-Ccodegen-units=1"],
            (true, None) => &[],
            // What symbols of crates with interfaces are called, so that both sides export the same.
            (true, Some(_)) => &["-Csymbol-mangling-version=v0"],
        }
    }

    /// Writes `source` to `path` in the lab's folder.
    ///
    /// # Errors
    /// If that fails.
    pub fn write(&self, path: &str, source: &str) -> Result<()> {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(&path, source).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Makes a folder in the lab's.
    ///
    /// # Errors
    /// If that fails.
    pub fn make_dir(&self, path: &str) -> Result<()> {
        fs::create_dir_all(self.dir.join(path)).with_context(|| format!("cannot make `{path}`"))
    }

    /// The line that the linker recorded in `record`, which [`recording`] named.
    ///
    /// # Errors
    /// If it did not.
    pub fn recorded(&self, record: &str) -> Result<Line> {
        let text = fs::read_to_string(self.dir.join(record)).with_context(|| format!("no linker left the record `{record}`"))?;
        Ok(line_of(&text.lines().map(str::to_owned).collect::<Vec<_>>()))
    }

    /// The crates whose objects are in the staticlib at `path`, which their names begin with:
    /// `unit_a-1.…rcgu.o`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn archived(&self, path: &str) -> Result<Line> {
        let data = fs::read(self.dir.join(path)).with_context(|| format!("cannot read `{path}`"))?;
        let archive = ArchiveFile::parse(&*data)?;
        let libdir = self.libdir();
        let mut line = Line::new();
        for member in archive.members() {
            let name = String::from_utf8_lossy(member?.name()).into_owned();
            let id = name.split('.').next().unwrap_or_default().to_owned();
            // Not what the linked crate itself and native libraries bring.
            let is_crate = id.ends_with("-1") || libdir.join(format!("lib{id}.rlib")).is_file();
            let entry = (id, Taken::Rlib);
            if is_crate && line.last() != Some(&entry) {
                line.push(entry);
            }
        }
        Ok(line)
    }
}

/// `command`, whose linker leaves a record.
pub fn recording<'a>(command: &'a mut Command, lab: &Lab, record: &str) -> &'a mut Command {
    command.env("STAND_IN_RECORD", lab.dir.join(record))
}
