//! What came of each test, kept as the tests are done, so that a run can be taken up again.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// With splitlink it goes as with rustc.
    Same,
    /// It does not, and here is how.
    Differs(String),
    /// It was not tried, or says nothing: why.
    Skipped(String),
}

/// The verdict on a test, and the settings in which it was reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TestResult {
    /// The test, with its revision.
    pub(crate) test: String,
    /// What came of it.
    pub(crate) verdict: Verdict,
    /// Whether it ran with RUSTC_BOOTSTRAP=1.
    pub(crate) bootstrap: bool,
}

/// Verdicts in a file, a line each.
pub(crate) struct Results {
    known: BTreeMap<String, TestResult>,
    file: Mutex<File>,
    folder: PathBuf,
}

impl Results {
    /// Opens the results in `folder`, those of earlier runs included.
    ///
    /// # Errors
    /// If they cannot be read or written.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder.join("differs")).with_context(|| format!("cannot make the folder of results `{}`", folder.display()))?;
        let path = folder.join("results.jsonl");
        let text = fs::read_to_string(&path).unwrap_or_default();
        // The last line of a run that was ended may be half a line.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<TestResult>(line).ok());
        let known = lines.map(|result| (result.test.clone(), result)).collect();
        let file = File::options().append(true).create(true).open(&path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            writeln!(&file)?;
        }
        Ok(Self { known, file: Mutex::new(file), folder: folder.to_owned() })
    }

    /// What an earlier run found of `test`.
    pub(crate) fn known(&self, test: &str) -> Option<&TestResult> {
        self.known.get(test)
    }

    /// Keeps `result`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn keep(&self, result: &TestResult) -> Result<()> {
        let line = serde_json::to_string(result)?;
        writeln!(self.file.lock().expect("no writer panics"), "{line}")?;
        Ok(())
    }

    /// Keeps the whole story of a test that differs, and returns its file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn keep_story(&self, test: &str, story: &str) -> Result<PathBuf> {
        let path = self.folder.join("differs").join(format!("{}.txt", test.replace(['/', '#'], "+")));
        fs::write(&path, story)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_taken_up_again() {
        let folder = std::env::temp_dir().join(format!("rustc-suite-results-{}", std::process::id()));
        let result = |test: &str, verdict| TestResult { test: test.into(), verdict, bootstrap: false };
        let results = Results::open(&folder).unwrap();
        results.keep(&result("a", Verdict::Same)).unwrap();
        results.keep(&result("b", Verdict::Differs("x".into()))).unwrap();
        fs::write(folder.join("results.jsonl"), fs::read_to_string(folder.join("results.jsonl")).unwrap() + "{\"test\":\"c").unwrap();
        Results::open(&folder).unwrap().keep(&result("d", Verdict::Skipped("y".into()))).unwrap();
        let again = Results::open(&folder).unwrap();
        let verdicts = ["a", "b", "c", "d"].map(|test| again.known(test).map(|found| found.verdict.clone()));
        assert_eq!(verdicts, [Some(Verdict::Same), Some(Verdict::Differs("x".into())), None, Some(Verdict::Skipped("y".into()))]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
