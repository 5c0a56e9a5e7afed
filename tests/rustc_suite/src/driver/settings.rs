//! What the driver must know beside its command line. It stands in a file beside the driver, since
//! tests clear the environment.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file beside the driver.
const FILE: &str = "driver.json";

/// The file beside the driver that it writes its steps to.
const LOG: &str = "driver.log";

/// What the driver must know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The splitlink under test.
    pub(crate) splitlink: PathBuf,
    /// The compiler.
    pub(crate) rustc: PathBuf,
    /// Its sysroot.
    pub(crate) sysroot: PathBuf,
    /// The manifest of the standard library's dylib.
    pub(crate) std_manifest: PathBuf,
    /// `off`, `thin` or `fat`: the LTO of all that is linked.
    pub(crate) lto: String,
    /// Whether each library is compiled a second time, with LTO the other way round: some of the
    /// test's commands link with LTO and others without.
    pub(crate) variants: bool,
    /// Whether dependents are compiled against interfaces.
    pub(crate) interfaces: bool,
    /// What thin LTO made of each module, kept for all tests: most of it is the standard library.
    pub(crate) lto_cache: PathBuf,
    /// The folder that holds the driver.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

/// Puts a driver into `folder` and returns its path.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn install(folder: &Path, settings: &Settings) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(FILE), serde_json::to_vec(settings)?)?;
    let driver = folder.join("rustc");
    std::os::unix::fs::symlink(std::env::current_exe()?, &driver).context("cannot make the driver")?;
    Ok(driver)
}

impl Settings {
    /// The settings beside the driver that was called as `program`.
    pub(crate) fn of(program: &Path) -> Result<Self> {
        let folder = program.parent().context("the driver was called without its path")?;
        let text = fs::read(folder.join(FILE)).with_context(|| format!("cannot read `{FILE}` in `{}`", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), ..serde_json::from_slice(&text)? })
    }

    /// The folder for what the driver keeps from one call to the next.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Adds a step to the log.
    pub(crate) fn log<'a>(&self, program: &str, args: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let args: Vec<_> = args.into_iter().collect();
        let mut file = fs::File::options().append(true).create(true).open(self.folder.join(LOG))?;
        writeln!(file, "{program} {}", args.join(" "))?;
        Ok(())
    }
}

/// The steps that the driver in `folder` has taken.
pub(crate) fn steps(folder: &Path) -> String {
    fs::read_to_string(folder.join(LOG)).unwrap_or_default()
}
