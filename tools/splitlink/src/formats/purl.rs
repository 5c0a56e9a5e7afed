//! Package URLs of Cargo packages: a crate's package, its version, and where that comes from.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How each begins (`purl-spec`, type `cargo`).
const PREFIX: &str = "pkg:cargo/";

/// The qualifiers that say where a package comes from if that is not crates.io (`purl-spec`, types
/// and known qualifiers), and what else they say of it.
const ELSEWHERE: [(&str, Origin); 3] =
    [("vcs_url", Origin::Git), ("repository_url", Origin::Registry), ("download_url", Origin::Elsewhere)];

/// The package URL of a Cargo package: `pkg:cargo/NAME@VERSION`, with qualifiers if it is not from
/// crates.io.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purl(String);

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// crates.io, which a package URL without qualifiers means.
    CratesIo,
    /// A repository of sources.
    Git,
    /// Another registry.
    Registry,
    /// A file from anywhere.
    Elsewhere,
}

impl Purl {
    /// The package's name, which may have a `-` where its crate has a `_`.
    pub fn name(&self) -> &str {
        self.parts().0
    }

    /// Its version.
    pub fn version(&self) -> &str {
        self.parts().1
    }

    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        let names = || self.parts().2.split('&').map(|qualifier| qualifier.split_once('=').map_or(qualifier, |(name, _)| name));
        ELSEWHERE.into_iter().find(|(name, _)| names().any(|other| other == *name)).map_or(Origin::CratesIo, |(_, origin)| origin)
    }

    /// Name, version, and qualifiers.
    fn parts(&self) -> (&str, &str, &str) {
        let rest = self.0.strip_prefix(PREFIX).unwrap_or_default();
        let (package, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (name, version) = package.split_once('@').unwrap_or((package, ""));
        (name, version, qualifiers)
    }
}

impl FromStr for Purl {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if !text.starts_with(PREFIX) {
            bail!("`{text}` is no package URL of a Cargo package\n  help: write it as {PREFIX}NAME@VERSION");
        }
        let purl = Self(text.to_owned());
        let (name, version, qualifiers) = purl.parts();
        // What Cargo allows in a package's name needs no escape. A version may have a `+`, which is
        // written `%2B` or as it is.
        let is_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_name) || version.is_empty() {
            bail!("`{text}` does not have the name and the version of a Cargo package\n  help: write it as {PREFIX}NAME@VERSION");
        }
        if text.contains('#') || qualifiers.split('&').any(|qualifier| !qualifiers.is_empty() && !qualifier.contains('=')) {
            bail!("`{text}` has more behind its version than qualifiers\n  help: write it as {PREFIX}NAME@VERSION?vcs_url=URL");
        }
        semver::Version::parse(&decoded(version))
            .with_context(|| format!("`{version}` of `{text}` is no version of a Cargo package\n  help: it has three numbers, as 1.0.0"))?;
        Ok(purl)
    }
}

/// A version without escapes.
fn decoded(version: &str) -> String {
    version.replace("%2B", "+").replace("%2b", "+")
}

impl Purl {
    /// The version as Cargo has it.
    pub fn semver(&self) -> semver::Version {
        semver::Version::parse(&decoded(self.version())).expect("it was parsed before")
    }
}

impl TryFrom<String> for Purl {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Purl> for String {
    fn from(purl: Purl) -> Self {
        purl.0
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages() {
        for (text, name, version, origin) in [
            ("pkg:cargo/proc-macro2@1.0.107", "proc-macro2", "1.0.107", Origin::CratesIo),
            ("pkg:cargo/zstd-sys@2.0.13%2Bzstd.1.5.6", "zstd-sys", "2.0.13+zstd.1.5.6", Origin::CratesIo),
            ("pkg:cargo/a@1.0.0-rc.1?vcs_url=git%2Bhttps://x/y", "a", "1.0.0-rc.1", Origin::Git),
            ("pkg:cargo/a@1.0.0?b=c&repository_url=https://x/y", "a", "1.0.0", Origin::Registry),
            ("pkg:cargo/a@1.0.0?download_url=https://x/y", "a", "1.0.0", Origin::Elsewhere),
        ] {
            let purl: Purl = text.parse().unwrap();
            assert_eq!((purl.name(), purl.semver().to_string().as_str(), purl.origin()), (name, version, origin), "{text}");
            assert_eq!(purl.to_string(), text);
        }
        for (text, why) in [
            ("pkg:npm/a@1.0.0", "no package URL of a Cargo package"),
            ("a@1.0.0", "no package URL of a Cargo package"),
            ("pkg:cargo/a", "the name and the version"),
            ("pkg:cargo/@1.0.0", "the name and the version"),
            ("pkg:cargo/a/b@1.0.0", "the name and the version"),
            ("pkg:cargo/a@1.0", "no version of a Cargo package"),
            ("pkg:cargo/a@1.0.0?b", "more behind its version"),
            ("pkg:cargo/a@1.0.0#b", "more behind its version"),
        ] {
            let said = format!("{:#}", text.parse::<Purl>().unwrap_err());
            assert!(said.contains(why) && said.contains("help: "), "{text}: {said}");
        }
    }
}
