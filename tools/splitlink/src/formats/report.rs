//! The link report: what link-only decided for each crate, and why. `docs/dependency-formats.md`
//! describes it.

use crate::formats::Linkage;
use crate::formats::purl::Purl;
use crate::plan::crate_type::CrateType;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 6;

/// A link report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkReport {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The name of the crate that is linked.
    pub crate_name: String,
    /// Its version, where link-only was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crate_version: Option<String>,
    /// Its package, where link-only was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crate_purl: Option<Purl>,
    /// One for each crate type that was linked.
    pub artifacts: Vec<Artifact>,
    /// One for each run of LTO; none without.
    pub lto: Vec<LtoGroup>,
    /// How long link-only took; only with `--report-times`, which makes the report's bytes differ
    /// from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<PhaseTimes>,
}

/// How long the phases of link-only took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseTimes {
    /// All of it, up to where the report is written.
    pub total: u64,
    /// Reading what is given, deciding the formats, and finding what is linked.
    pub formats: u64,
    /// All runs of LTO; absent without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lto: Option<u64>,
}

/// Artifacts that shared one run of LTO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LtoGroup {
    /// `thin` or `fat`.
    pub mode: String,
    /// The crate types of the artifacts.
    pub crate_types: Vec<CrateType>,
    /// How far symbols reach that are kept: `C` or `Rust`.
    pub threshold: String,
    /// The identities of the crates below that are linked statically, of which all that is bitcode
    /// could take part.
    pub crates: Vec<String>,
    /// How many modules could take part.
    pub modules: usize,
    /// The symbols that were kept for what is outside, in order.
    pub kept: Vec<String>,
    /// The size of each object that came out, in bytes, in the order in which they are linked.
    pub objects: Vec<u64>,
    /// How long it took; only with `--report-times`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<Milliseconds>,
}

/// How long a run of LTO took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Milliseconds {
    /// All of it, gathering what takes part included.
    pub total: u64,
    /// Fat: making one module of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<u64>,
    /// Fat: the optimisations that look at more than one function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimise: Option<u64>,
    /// Fat: optimising the parts to the end, and their code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<u64>,
}

/// How one artifact was linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The crate type.
    pub crate_type: CrateType,
    /// The artifact's file name.
    pub file_name: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Whether dylibs were preferred.
    pub prefer_dynamic: bool,
    /// Every crate, in the order of the link line; those of which nothing is linked at the end.
    pub crates: Vec<CrateFormat>,
    /// The native libraries that the linker was given by name, or that are put into the archive, each
    /// once and in the order of the link line. The objects of those that rustc has put into an rlib
    /// count as that crate's.
    pub native_libraries: Vec<NativeLibrary>,
    /// What else of the plan was left out.
    pub left_out: Vec<LeftOut>,
    /// How the linker was called; absent for an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linker: Option<LinkerCall>,
    /// Where the artifact looks for its shared libraries, in order: its run paths, as it has them.
    pub run_paths: Vec<String>,
    /// The shared libraries that it asks for, in order.
    pub needed: Vec<String>,
    /// How long it took to make; only with `--report-times`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<ArtifactTimes>,
}

/// How a linker was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkerCall {
    /// The linker, as rustc was told it.
    pub program: String,
    /// Its arguments. `{output}` stands for the artifact, `{scratch}` for the folder of what link-only
    /// makes for the link, `{modules}`, `{sysroot}` and `{cwd}` for what they are in a plan.
    pub arguments: Vec<String>,
}

/// How long it took to make an artifact, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactTimes {
    /// The linker's own call; absent for an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linker: Option<u64>,
    /// Writing the archive; absent for what a linker makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<u64>,
}

/// A native library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NativeLibrary {
    /// What the linker is told behind its `-l`, or else the library's name.
    pub name: String,
    /// The identity of the crate whose rlib carries it; absent for one that the linker finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_by: Option<String>,
}

/// How one crate takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateFormat {
    /// Its identity ([`crate::files::crates::identity`]).
    #[serde(rename = "crate")]
    pub id: String,
    /// The label of its target, where link-only was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its version, where link-only was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its package, where link-only was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<Purl>,
    /// The size of what its rlib holds for the link, in bytes: objects, and bitcode where it is
    /// linked with LTO. Only of crates that are linked statically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How it takes part.
    pub linkage: Linkage,
    /// The file name of the rlib or dylib that its code is in; absent for a crate that is not
    /// linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whether it comes from the sysroot.
    pub sysroot: bool,
    /// Why, in words.
    pub reason: String,
}

/// Something of the plan that is not in the artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// What it is.
    pub what: String,
    /// Why, in words.
    pub reason: String,
}

impl CrateFormat {
    /// The crate's name, without what tells its builds apart.
    pub fn crate_name(&self) -> &str {
        self.id.split_once('-').map_or(self.id.as_str(), |(name, _)| name)
    }
}

impl LinkReport {
    /// Reads the report at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no report or one of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("cannot read the link report `{}`\n  help: `splitlink link-only --report` writes it", path.display())
        })?;
        Self::parse(&text).with_context(|| format!("cannot use the link report `{}`", path.display()))
    }

    /// Takes the text of a report apart.
    ///
    /// # Errors
    /// If it is no report, or one of another version.
    pub fn parse(text: &str) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_str(text).context("it is not JSON\n  help: was it truncated?")?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => {
                bail!("it is of version {version}, and this splitlink reads version {VERSION}\n  help: use the splitlink that wrote it")
            }
            None => bail!("it has no version, so it is no link report\n  help: give the file that `splitlink link-only --report` wrote"),
        }
        serde_json::from_value(value)
            .context("it does not have the form that its version promises\n  help: was it edited? run the link-only action again")
    }

    /// The report as text: indented JSON, the same for the same report.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a report is plain data");
        text.push('\n');
        text
    }
}
