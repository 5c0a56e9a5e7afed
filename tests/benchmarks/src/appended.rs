//! A source with something more at its end, for as long as a benchmark runs.

use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// The source. It is as it was when this is dropped.
#[derive(Debug)]
pub struct Appended {
    path: PathBuf,
    original: String,
    /// What stands before it, so that the next benchmark knows what one that was killed has left.
    mark: String,
}

impl Appended {
    /// Nothing yet, at the end of the source `path`, for the benchmark `name`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn to(path: PathBuf, name: &str) -> Result<Self> {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mark = format!("\n// Changed by dev/bench {name}.\n");
        let original = text.split(&mark).next().unwrap_or_default().to_owned();
        Ok(Self { path, original, mark })
    }

    /// Writes `more` in place of what was appended before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, more: &str) -> Result<()> {
        fs::write(&self.path, format!("{}{}{more}", self.original, self.mark))
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        let _ = fs::write(&self.path, &self.original);
    }
}
