//! The toolchains, the splitlink under test, and folders to work in.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};

/// Why a test failed: an error's whole story without a backtrace, which says nothing about another
/// process.
pub struct Failure(anyhow::Error);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.into())
    }
}

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// The folder of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository")
}

/// The splitlink program under test: `SPLITLINK_BIN`, or built on first use in release mode, as
/// users have it.
pub fn splitlink() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| match std::env::var_os("SPLITLINK_BIN") {
        Some(path) => path.into(),
        None => build_splitlink().expect("splitlink builds"),
    })
}

fn build_splitlink() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package=splitlink", "--package=splitlink-lto", "--message-format=json-render-diagnostics"]);
    let output = succeed(command.current_dir(repository()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let executables: Vec<_> = messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).collect();
    if executables.len() != 2 {
        bail!("cargo built these programs, and splitlink and its engine of fat LTO were expected: {executables:?}");
    }
    // Copies, which no later build takes away under us; made by another process, for a file that
    // one thread here has open for writing cannot be run by any.
    succeed(Command::new("cp").args(&executables).arg(workplace()))?;
    Ok(workplace().join("splitlink"))
}

/// A Rust toolchain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Toolchain {
    /// A short name, for folders and messages.
    pub name: &'static str,
    /// The compiler itself, not rustup's proxy.
    pub rustc: PathBuf,
    /// The folder that holds `lib/rustlib`.
    pub sysroot: PathBuf,
    /// The triple of this machine.
    pub host: String,
    /// An lld of the same LLVM, where the toolchain has none of its own.
    pub lld: Option<PathBuf>,
    /// The engine of fat LTO for this toolchain, where that beside splitlink is another's.
    pub engine: Option<PathBuf>,
}

impl Toolchain {
    /// The toolchains that `dev/test toolchains` has put into folders: `rustc`, and where it needs
    /// them `ld.lld` and `splitlink-lto`. Says aloud if there are none.
    pub fn installed() -> impl Iterator<Item = &'static Self> {
        Self::all_installed().iter().filter(|toolchain| !toolchain.is_too_old())
    }

    /// Those that splitlink refuses included.
    pub fn all_installed() -> &'static [Self] {
        static FOUND: OnceLock<Vec<Toolchain>> = OnceLock::new();
        FOUND.get_or_init(|| {
            let Some(folders) = std::env::var_os("SPLITLINK_TOOLCHAINS") else {
                skip("SPLITLINK_TOOLCHAINS names no toolchains, so no rustc but this machine's is tried; `dev/test toolchains` sets it");
                return Vec::new();
            };
            std::env::split_paths(&folders).map(|folder| Self::in_folder(&folder).expect("SPLITLINK_TOOLCHAINS names toolchains")).collect()
        })
    }

    fn in_folder(folder: &Path) -> Result<Self> {
        let name = folder.file_name().and_then(OsStr::to_str).context("a toolchain's folder has no name")?;
        let mut found = Self::ask(String::leak(name.to_owned()), folder.join("rustc").as_os_str(), &[])?;
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        (found.lld, found.engine) = (there("ld.lld"), there("splitlink-lto"));
        Ok(found)
    }

    /// Whether splitlink refuses it for its age.
    pub fn is_too_old(&self) -> bool {
        self.name == "1.63"
    }

    /// Whether the standard library is there as a dylib, which Debian's is not.
    pub fn has_std_dylib(&self) -> bool {
        names_in(&self.libdir()).iter().any(|name| name.starts_with("libstd-") && name.ends_with(".so"))
    }

    /// link-only's options for LTO of the given mode.
    pub fn lto_options(&self, mode: &str) -> Vec<OsString> {
        let programs = [("--lto-linker", &self.lld), ("--lto-engine", &self.engine)];
        let programs = programs.into_iter().filter_map(|(option, program)| Some([option.into(), program.as_ref()?.into()])).flatten();
        ["--lto".into(), mode.into()].into_iter().chain(programs).collect()
    }

    /// The toolchain that `rustc` on the path is.
    pub fn stable() -> &'static Self {
        static FOUND: OnceLock<Toolchain> = OnceLock::new();
        FOUND.get_or_init(|| Self::find("stable", &[]).expect("rustc is on the path"))
    }

    /// rustup's nightly, if it is installed.
    pub fn nightly() -> Option<&'static Self> {
        static FOUND: OnceLock<Option<Toolchain>> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            let found = Self::find("nightly", &["+nightly"]).ok();
            if found.is_none() {
                skip("no `rustc +nightly` here: the nightly half of the tests is not run; `rustup toolchain install nightly` enables it");
            }
            found
        });
        found.as_ref()
    }

    fn find(name: &'static str, select: &[&str]) -> Result<Self> {
        Self::ask(name, OsStr::new("rustc"), select)
    }

    fn ask(name: &'static str, rustc: &OsStr, select: &[&str]) -> Result<Self> {
        let ask = |args: &[&str]| -> Result<String> {
            // Within `cargo test` these two would choose another toolchain than the one asked for.
            let mut command = Command::new(rustc);
            command.args(select).args(args);
            if !select.is_empty() {
                command.env_remove("RUSTUP_TOOLCHAIN");
            }
            Ok(String::from_utf8(succeed(&mut command)?.stdout)?.trim().to_owned())
        };
        let sysroot = PathBuf::from(ask(&["--print=sysroot"])?);
        let version = ask(&["-vV"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
        Ok(Self { name, rustc: sysroot.join("bin/rustc"), sysroot, host: host.to_owned(), lld: None, engine: None })
    }

    /// The folder of the standard library.
    pub fn libdir(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(&self.host).join("lib")
    }

    /// A command that runs the compiler.
    pub fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.rustc);
        command.current_dir(dir);
        command
    }
}

/// Says aloud that something is not tested. libtest hides what passing tests print through
/// `eprintln!`, but not this.
pub fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// The folder that belongs to this test program: `target/tmp/<program>-<process>`, with the
/// fixtures in `src` and `c`. The folders of earlier processes are removed.
pub fn workplace() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| make_workplace().expect("the folder for tests can be made"))
}

fn make_workplace() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let stem = program.file_stem().and_then(OsStr::to_str).context("this program has no name")?;
    let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
    let parent = program.ancestors().nth(3).context("this program is not in a target folder")?.join("tmp");
    fs::create_dir_all(&parent)?;
    for entry in fs::read_dir(&parent)? {
        let path = entry?.path();
        let process = path.file_name().and_then(OsStr::to_str).and_then(|n| n.strip_prefix(name)?.strip_prefix('-'));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(&path);
        }
    }
    let dir = parent.join(format!("{name}-{}", std::process::id()));
    lay_out(&dir)?;
    Ok(fs::canonicalize(dir)?)
}

/// Copies the fixtures into `dir`.
pub fn lay_out(dir: &Path) -> Result<()> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for (from, to) in [("crates", "src"), ("c", "c")] {
        fs::create_dir_all(dir.join(to))?;
        for entry in fs::read_dir(fixtures.join(from))? {
            let entry = entry?;
            fs::copy(entry.path(), dir.join(to).join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// What the fixtures themselves put into the [`workplace`].
const OF_FIXTURES: [&str; 8] = ["c", "cc", "linkers", "nightly", "splitlink", "splitlink-lto", "src", "stable"];

/// Makes an empty folder of the given name in the [`workplace`].
///
/// # Panics
/// If it is the folder of another test, which may run at the same time.
pub fn empty_folder(name: &str) -> Result<PathBuf> {
    static OWNERS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    assert!(!OF_FIXTURES.contains(&name), "the folder `{name}` is the fixtures'; choose another name");
    // libtest calls a test's thread by the test's name, or runs one test after the other on the
    // main thread.
    if let Some(test) = std::thread::current().name().filter(|&name| name != "main") {
        let mut owners = OWNERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let owner = owners.entry(name.to_owned()).or_insert_with(|| test.to_owned()).clone();
        drop(owners);
        assert!(owner == test, "the folder `{name}` is that of the test `{owner}`; choose another name in `{test}`");
    }
    let dir = workplace().join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// The names in a folder, sorted; none if there is no such folder.
pub fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Writes a program, whose folder is made if it is not there. Another process does it: what this one
/// has open to write, processes that other tests start at that moment have open, too, and the system
/// starts no program that is open to write ("Text file busy").
///
/// # Errors
/// If it cannot be written.
pub fn write_program(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    let mut writer = Command::new("sh");
    writer.args(["-c", r#"cat >"$1" && chmod 755 "$1""#, "sh"]).arg(path).stdin(Stdio::piped());
    let mut writer = writer.spawn()?;
    writer.stdin.take().context("it has an input")?.write_all(contents.as_ref())?;
    ensure!(writer.wait()?.success(), "cannot write `{}`", path.display());
    Ok(())
}

/// Runs `command`.
pub fn run(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot start {command:?}"))
}

/// Runs `command`; that it fails is an error with everything it said.
pub fn succeed(command: &mut Command) -> Result<Output> {
    let output = run(command)?;
    if output.status.success() {
        return Ok(output);
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    bail!("{} in {:?}\n{command:?}\n{stdout}{stderr}", output.status, command.get_current_dir());
}

/// How a process ended, as a shell says it: its exit code, or 128 and the signal's number.
pub fn exit_code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0))
}

/// Runs something once for each key, also when threads ask at the same time, and keeps what it
/// gave.
#[derive(Debug)]
pub struct Once<T: 'static> {
    made: Mutex<Vec<(String, &'static Cell<T>)>>,
}

type Cell<T> = OnceLock<Result<T, String>>;

impl<T> Once<T> {
    /// Nothing has been run yet.
    pub const fn new() -> Self {
        Self { made: Mutex::new(Vec::new()) }
    }

    /// What `make` gives for `key`.
    pub fn get(&self, key: &str, make: impl FnOnce() -> Result<T>) -> Result<&'static T> {
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cell = match made.iter().find(|(k, _)| k == key) {
            Some((_, cell)) => *cell,
            None => {
                let cell: &'static Cell<T> = Box::leak(Box::new(OnceLock::new()));
                made.push((key.to_owned(), cell));
                cell
            }
        };
        drop(made);
        let result = cell.get_or_init(|| make().map_err(|error| format!("{error:#}")));
        result.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}
