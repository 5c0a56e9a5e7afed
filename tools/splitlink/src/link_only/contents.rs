//! What the link report says of an artifact's contents, beyond the formats: names, sizes, and native
//! libraries.

use super::linking::Linking;
use crate::files::{crates, rlib};
use crate::formats::link_line::{self, Part};
use crate::formats::purl::Purl;
use crate::formats::report::{Artifact, CrateFormat, NativeLibrary};
use crate::plan::Item;
use anyhow::{Context, Result};
use object::ReadCache;
use object::read::archive::ArchiveFile;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

/// A name for a crate, by people: the label of its target, or its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateName {
    /// The crate's identity.
    id: String,
    /// The name.
    name: String,
}

impl CrateName {
    /// Takes `RLIB=NAME` apart.
    ///
    /// # Errors
    /// If `text` is of another form.
    pub fn parse(text: &str) -> Result<Self> {
        let (file, name) = text
            .split_once('=')
            .filter(|(_, name)| !name.is_empty())
            .context("there is no `=` with a name behind it\n  help: write it as libNAME.rlib=WHAT")?;
        Ok(Self { id: crates::identity(Path::new(file))?, name: name.to_owned() })
    }
}

/// The package of a crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CratePurl {
    /// The crate's identity.
    id: String,
    /// The package.
    purl: Purl,
}

impl CratePurl {
    /// Takes `RLIB=PURL` apart.
    ///
    /// # Errors
    /// If `text` is of another form, or the package URL of something else than a Cargo package.
    pub fn parse(text: &str) -> Result<Self> {
        let CrateName { id, name } = CrateName::parse(text)?;
        Ok(Self { id, purl: name.parse()? })
    }
}

/// Gives `crates` the names that link-only was told.
pub(crate) fn name(linking: &Linking<'_>, crates: &mut [CrateFormat]) {
    let names = |given: &'_ [CrateName]| given.iter().map(|given| (given.id.clone(), given.name.clone())).collect::<HashMap<_, _>>();
    let (mut labels, mut versions) = (names(&linking.options.crate_labels), names(&linking.options.crate_versions));
    let purls = linking.options.crate_purls.iter().map(|given| (given.id.as_str(), &given.purl)).collect::<HashMap<_, _>>();
    for found in crates {
        found.label = labels.remove(&found.id);
        found.purl = purls.get(found.id.as_str()).copied().cloned();
        let of_package = || found.purl.as_ref().map(|purl| purl.semver().to_string());
        found.version = versions.remove(&found.id).or_else(of_package);
    }
}

/// The version and the package of the crate that is linked, as far as link-only was told. That may be
/// a library, which is linked as a dylib.
pub(crate) fn root(linking: &Linking<'_>) -> (Option<String>, Option<Purl>) {
    let options = linking.options;
    let own = linking.link.line.iter().find_map(|item| if let Item::WholeCrate { id } = item { Some(id) } else { None });
    let (version, purl) = match own {
        Some(own) => (
            options.crate_versions.iter().find(|given| given.id == *own).map(|given| &given.name),
            options.crate_purls.iter().find(|given| given.id == *own).map(|given| &given.purl),
        ),
        None => (options.root_version.as_ref(), options.root_purl.as_ref()),
    };
    (version.cloned().or_else(|| purl.map(|purl| purl.semver().to_string())), purl.cloned())
}

/// The part of the report for the artifact that `linking` has `made`, and that goes to `output`.
///
/// # Errors
/// If a file cannot be read again.
pub(crate) fn report(linking: &Linking<'_>, made: &Path, output: &Path) -> Result<Artifact> {
    let mut artifact = linking.decision.report(output);
    artifact.bytes = fs::metadata(made).with_context(|| format!("cannot look at `{}`", made.display()))?.len();
    artifact.native_libraries = native_libraries(linking);
    name(linking, &mut artifact.crates);
    let mut bytes = HashMap::new();
    for item in items(linking) {
        let Some(id) = link_line::crate_of(item) else { continue };
        let file = match item {
            Item::SysrootCrate { target, file_name } => linking.sysroot_crate(target, file_name)?,
            _ => linking.rlib(id)?.to_owned(),
        };
        bytes.insert(id, bytes_to_link(&file)?);
    }
    for found in &mut artifact.crates {
        found.bytes = bytes.get(found.id.as_str()).copied();
    }
    Ok(artifact)
}

/// What of the plan is linked.
fn items<'a>(linking: &Linking<'a>) -> impl Iterator<Item = &'a Item> {
    linking.decision.line.parts.iter().filter_map(|part| if let Part::Item(item) = part { Some(*item) } else { None })
}

fn native_libraries(linking: &Linking<'_>) -> Vec<NativeLibrary> {
    let mut found: Vec<NativeLibrary> = Vec::new();
    for item in items(linking) {
        let library = match item {
            Item::NativeLibrary { arg } => NativeLibrary { name: arg.strip_prefix("-l").unwrap_or(arg).to_owned(), carried_by: None },
            Item::BundledLibrary { id, member, .. } => NativeLibrary { name: member.clone(), carried_by: Some(id.clone()) },
            Item::ArchivedLibrary { name, .. } => NativeLibrary { name: name.clone(), carried_by: None },
            _ => continue,
        };
        if !found.contains(&library) {
            found.push(library);
        }
    }
    found
}

/// The size of all in an rlib that is no metadata. Of its bytes, only what tells its members apart is
/// read.
fn bytes_to_link(path: &Path) -> Result<u64> {
    let cannot = || format!("cannot read the rlib `{}`", path.display());
    let file = ReadCache::new(File::open(path).with_context(cannot)?);
    let archive = ArchiveFile::parse(&file).with_context(cannot)?;
    let mut bytes = 0;
    for member in archive.members() {
        let member = member.with_context(cannot)?;
        if !std::str::from_utf8(member.name()).is_ok_and(rlib::is_metadata) {
            bytes += member.size();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_crates() {
        let name = CrateName::parse("out/liba-1.rlib=//a:a=b").unwrap();
        assert_eq!((name.id.as_str(), name.name.as_str()), ("a-1", "//a:a=b"));
        for (text, why) in [("liba-1.rlib", "no `=`"), ("liba-1.rlib=", "no `=`"), ("a.txt=1", "a.txt")] {
            assert!(format!("{:#}", CrateName::parse(text).unwrap_err()).contains(why), "{text}");
        }
    }
}
