//! The manifest of a Rust dylib: which crates are inside, and which other dylibs it needs.
//!
//! link-only writes one beside each dylib. The standard library's is made from the sysroot
//! ([`crate::formats::std_manifest`]).

use crate::plan;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;

/// A dylib's manifest. Crates are named by identity ([`crate::files::crates::identity`]), the
/// sysroot's included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DylibManifest {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The crate whose dylib it is.
    #[serde(rename = "crate")]
    pub id: String,
    /// The dylib's file name, by which the loader finds it.
    pub file_name: String,
    /// The other crates whose code is inside, sorted.
    pub contains: Vec<String>,
    /// The crates whose dylibs it needs, sorted.
    pub needs: Vec<String>,
    /// Which build each crate is of that does not come from the sysroot, itself included
    /// ([`crate::files::rlib::stamp`]).
    pub stamps: BTreeMap<String, String>,
}

/// Where the manifest of the dylib at `dylib` is: beside it.
pub fn beside(dylib: &Path) -> PathBuf {
    let mut name = dylib.as_os_str().to_owned();
    name.push(".manifest.json");
    name.into()
}

impl DylibManifest {
    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// If there is none, or it is broken or of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read the dylib manifest `{}`\n  help: splitlink writes it beside each dylib that it links; is it among the action's inputs?",
                path.display()
            )
        })?;
        Self::parse(&text).with_context(|| format!("cannot use the dylib manifest `{}`", path.display()))
    }

    /// Takes the text of a manifest apart.
    ///
    /// # Errors
    /// If it is no manifest, or one of another version.
    pub fn parse(text: &str) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_str(text).context("it is not JSON\n  help: was it truncated?")?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => bail!(
                "it is of version {version}, and this splitlink reads version {VERSION}\n  help: link the dylib again with the same splitlink"
            ),
            None => bail!("it has no version, so it is no dylib manifest\n  help: give the dylib that `splitlink link-only` wrote"),
        }
        let manifest: Self = serde_json::from_value(value)
            .context("it does not have the form that its version promises\n  help: was it edited? link the dylib again")?;
        // Where a sysroot has no dylib the manifest names none.
        if !manifest.file_name.is_empty() && (manifest.file_name.contains('/') || !plan::is_inside(&manifest.file_name)) {
            bail!("it names the file `{}`, and that is no file's name\n  help: was it edited? link the dylib again", manifest.file_name);
        }
        Ok(manifest)
    }

    /// The manifest as text: indented JSON, the same for the same manifest.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is plain data");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let manifest = DylibManifest {
            version: VERSION,
            id: "a-1".into(),
            file_name: "liba-1.so".into(),
            contains: vec!["b-1".into()],
            needs: vec!["std-9".into()],
            stamps: [("a-1".into(), "00".into())].into(),
        };
        assert_eq!(DylibManifest::parse(&manifest.to_text()).unwrap(), manifest);
        let other = manifest.to_text().replace("\"version\": 1", "\"version\": 2");
        assert!(DylibManifest::parse(&other).unwrap_err().to_string().contains("version 2"));
        assert!(DylibManifest::parse("{}").unwrap_err().to_string().contains("no version"));
        for outside in ["../liba-1.so", "/liba-1.so", "..", "a/liba-1.so"] {
            let outside = DylibManifest { file_name: outside.into(), ..manifest.clone() };
            assert!(DylibManifest::parse(&outside.to_text()).unwrap_err().to_string().contains("no file's name"), "{outside:?}");
        }
    }
}
