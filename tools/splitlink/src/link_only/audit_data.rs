//! Audit data: the packages that are linked, in a section of the artifact itself, where
//! `cargo audit bin` and its kin look for them. docs/sbom.md describes it.
//!
//! Section and format are those of cargo-auditable (its PARSING.md, and `auditable-serde` 0.9).

use super::line::Line;
use super::linking::Linking;
use crate::files::archive::Archive;
use crate::files::paths::as_argument;
use crate::files::{carrier, object_symbols, scratch, wasm};
use crate::formats::Linkage;
use crate::formats::edges::Edge;
use crate::formats::purl::{Origin, Purl};
use crate::formats::report::CrateFormat;
use crate::plan::crate_type::CrateType;
use crate::plan::linker_flavor::LinkerFlavor;
use anyhow::{Context, Result, bail};
use auditable_serde::{DependencyKind, Package, Source, VersionInfo};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// The section.
const SECTION: &str = ".dep-v0";

/// The symbol of its contents, by which the linker is told to keep them.
const SYMBOL: &str = "AUDITABLE_VERSION_INFO";

/// The revision of the format: proc macros do not count as linked. A higher one says that Cargo told
/// what is in it.
const FORMAT: u32 = 1;

/// How hard zlib tries, of 10.
const COMPRESSION: u8 = 7;

/// The version of a package whose version nobody told. The format wants one.
const UNKNOWN_VERSION: semver::Version = semver::Version::new(0, 0, 0);

/// Whether artifacts of this type have audit data. Whoever links a staticlib has more in it, and a
/// proc macro is in nothing that is shipped.
pub(crate) fn is_for(crate_type: CrateType) -> bool {
    matches!(crate_type, CrateType::Bin | CrateType::Cdylib | CrateType::Dylib)
}

impl Linking<'_> {
    /// The linker's arguments that put audit data into the artifact, if that is asked for. `line` is
    /// what else is linked, and `output` where the artifact goes.
    ///
    /// # Errors
    /// If a version is none of a package, or the format of objects is one that takes no such data.
    pub(crate) fn audit_data(&self, line: &Line<'_>, output: &Path) -> Result<Vec<String>> {
        if !self.options.auditable || !is_for(self.link.crate_type) {
            return Ok(Vec::new());
        }
        let like = self.object_of(line)?;
        let object = carrier::object_with(SECTION, &self.compressed_packages(output)?, SYMBOL, &like).with_context(|| {
            format!(
                "there can be no audit data in the {} `{}`\n  help: leave out `--auditable`; it is for ELF, WebAssembly and COFF",
                self.link.crate_type, self.plan.crate_name
            )
        })?;
        let file = self.scratch.subdir("auditable")?.join("audit_data.o");
        fs::write(&file, object).with_context(|| scratch::cannot_write(&file))?;
        let mut args = vec![as_argument(&file)];
        // A linker for WebAssembly keeps every custom section of an object that it is given.
        if !like.starts_with(wasm::MAGIC) {
            args.extend(match self.link.linker_flavor() {
                LinkerFlavor::Driver => vec![LinkerFlavor::Driver.flag(&format!("-u,{SYMBOL}"))],
                LinkerFlavor::Linker => vec!["-u".to_owned(), SYMBOL.to_owned()],
            });
        }
        Ok(args)
    }

    /// The packages that are linked, as the section has them.
    fn compressed_packages(&self, output: &Path) -> Result<Vec<u8>> {
        let mut crates = self.decision.report(output).crates;
        super::contents::name(self, &mut crates);
        let mut info = VersionInfo { packages: packages(self.root()?, &crates, &self.options.edges)?, format: FORMAT };
        let written = |info: &VersionInfo| serde_json::to_string(info).context("the packages cannot be written");
        let mut json = written(&info)?;
        // Crates have no circles, and packages with several crates may: whoever reads them refuses it.
        if !self.options.edges.is_empty() && json.parse::<VersionInfo>().is_err() {
            eprintln!(
                "note: the packages that are linked into the {} `{}` depend on each other in a circle, so its audit data does not say what they depend on",
                self.link.crate_type, self.plan.crate_name
            );
            info.packages.iter_mut().for_each(|package| package.dependencies.clear());
            json = written(&info)?;
        }
        Ok(miniz_oxide::deflate::compress_to_vec_zlib(json.as_bytes(), COMPRESSION))
    }

    /// The package that is linked.
    fn root(&self) -> Result<Package> {
        let name = &self.plan.crate_name;
        let known = match super::contents::root(self) {
            (_, Some(purl)) => of_purl(&purl),
            (Some(version), None) => plain(name.clone(), semver_of(name, &version)?, Source::Local),
            (None, None) => plain(name.clone(), UNKNOWN_VERSION, Source::Local),
        };
        Ok(Package { root: true, ..known })
    }

    /// An object of this link, by which another is made that fits it.
    fn object_of(&self, line: &Line<'_>) -> Result<Vec<u8>> {
        // What LTO took part in may be bitcode; what it has made is not.
        for path in line.objects().map(PathBuf::as_path).chain(line.files().map(|(_, path)| path)) {
            let archive = Archive::read_or_object(path)?;
            let found = archive.members.iter().map(|member| archive.contents(member)).find(|contents| object_symbols::is_object(contents));
            if let Some(object) = found {
                return Ok(object.to_vec());
            }
        }
        bail!(
            "the {} `{}` has no object of Rust's, so the format of its audit data is not known\n  help: leave out `--auditable`",
            self.link.crate_type,
            self.plan.crate_name
        )
    }
}

/// The package `root` and those of `crates` that are linked, sorted and each once, which depend on
/// each other as `edges` say. Those of the standard library are left out as cargo-auditable leaves
/// them out.
fn packages(root: Package, crates: &[CrateFormat], edges: &[Edge]) -> Result<Vec<Package>> {
    let mut of_crates = HashMap::new();
    for linked in crates.iter().filter(|linked| linked.linkage != Linkage::NotLinked && !linked.sysroot) {
        // A program and a library of one package are one.
        let package = package(linked)?;
        let is_root = package == Package { root: false, ..root.clone() };
        of_crates.insert(linked.id.as_str(), if is_root { root.clone() } else { package });
    }
    let mut packages: Vec<Package> = of_crates.values().cloned().collect();
    packages.push(root.clone());
    packages.sort();
    packages.dedup();
    let number_of = |id: Option<&str>| packages.binary_search(id.map_or(Some(&root), |id| of_crates.get(id))?).ok();
    let mut asks = vec![BTreeSet::new(); packages.len()];
    for Edge { from, to } in edges {
        if let (Some(from), Some(to)) = (number_of(from.as_deref()), number_of(Some(to)))
            && from != to
        {
            asks[from].insert(to);
        }
    }
    for (package, asks) in packages.iter_mut().zip(asks) {
        package.dependencies = asks.into_iter().collect();
    }
    Ok(packages)
}

fn package(linked: &CrateFormat) -> Result<Package> {
    if let Some(purl) = &linked.purl {
        return Ok(of_purl(purl));
    }
    let name = linked.crate_name();
    let version = match &linked.version {
        None => UNKNOWN_VERSION,
        Some(version) => semver_of(name, version)?,
    };
    // A label of the main repository says where it comes from; nothing else does.
    let is_local = linked.label.as_ref().is_some_and(|label| label.starts_with("//"));
    Ok(plain(name.to_owned(), version, if is_local { Source::Local } else { Source::Other("unknown".to_owned()) }))
}

fn semver_of(name: &str, version: &str) -> Result<semver::Version> {
    semver::Version::parse(version).with_context(|| {
        format!(
            "the version `{version}` of the crate `{name}` is none of a Cargo package, and audit data wants one\n  \
             help: give it three numbers, as in 1.0.0"
        )
    })
}

fn of_purl(purl: &Purl) -> Package {
    let source = match purl.origin() {
        Origin::CratesIo => Source::CratesIo,
        Origin::Git => Source::Git,
        Origin::Registry => Source::Registry,
        Origin::Elsewhere => Source::Other("unknown".to_owned()),
    };
    plain(purl.name().to_owned(), purl.semver(), source)
}

/// A package without dependencies.
fn plain(name: String, version: semver::Version, source: Source) -> Package {
    Package { name, version, source, kind: DependencyKind::Runtime, dependencies: Vec::new(), root: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(id: &str, label: Option<&str>, version: Option<&str>, purl: Option<&str>) -> CrateFormat {
        CrateFormat {
            id: id.into(),
            label: label.map(str::to_owned),
            version: version.map(str::to_owned),
            purl: purl.map(|purl| purl.parse().unwrap()),
            bytes: None,
            linkage: Linkage::Static,
            from: None,
            sysroot: false,
            reason: String::new(),
        }
    }

    #[test]
    fn what_is_known_of_a_package() {
        for (found, expected) in [
            (linked("proc_macro2-1", None, None, Some("pkg:cargo/proc-macro2@1.0.1")), "proc-macro2 1.0.1 crates.io"),
            (linked("a-1", Some("//a"), Some("1.0.0"), Some("pkg:cargo/a@1.0.0?vcs_url=x")), "a 1.0.0 git"),
            (linked("a-1", None, None, Some("pkg:cargo/a@1.0.0?repository_url=x")), "a 1.0.0 registry"),
            (linked("a-1", None, None, Some("pkg:cargo/a@1.0.0?download_url=x")), "a 1.0.0 unknown"),
            (linked("a-1", Some("//a"), None, None), "a 0.0.0 local"),
            (linked("a-1", Some("//a"), Some("0.2.0"), None), "a 0.2.0 local"),
            (linked("a", Some("@b//a"), Some("0.2.0"), None), "a 0.2.0 unknown"),
            (linked("a-1", None, None, None), "a 0.0.0 unknown"),
        ] {
            let Package { name, version, source, .. } = package(&found).unwrap();
            assert_eq!(format!("{name} {version} {}", String::from(source)), expected);
        }
        let said = format!("{:#}", package(&linked("a-1", None, Some("1.0"), None)).unwrap_err());
        assert!(said.contains("version `1.0` of the crate `a`") && said.contains("help: "), "{said}");
    }

    #[test]
    fn which_packages() {
        let not_linked = CrateFormat { linkage: Linkage::NotLinked, ..linked("macros-1", None, None, None) };
        let of_std = CrateFormat { sysroot: true, ..linked("std-1", None, None, None) };
        let inside = CrateFormat { linkage: Linkage::IncludedFromDylib, ..linked("z-1", None, None, None) };
        // Two crates of one package, and the library of the program's own.
        let twice = ["dep-1", "dep-2"].map(|id| linked(id, Some("//dep"), None, None));
        let own = linked("app-1", Some("//app"), None, None);
        let crates = [vec![not_linked, of_std, inside, own], twice.to_vec()].concat();
        let root = Package { root: true, ..plain("app".into(), UNKNOWN_VERSION, Source::Local) };
        let edges = [
            (None, "dep-1"),
            (None, "std-1"),
            (Some("app-1"), "z-1"),
            (Some("dep-2"), "z-1"),
            (Some("dep-1"), "dep-2"),
            (Some("gone-1"), "z-1"),
        ]
        .map(|(from, to)| Edge { from: from.map(str::to_owned), to: to.to_owned() });
        let shown = |edges: &[Edge]| {
            let packages = packages(root.clone(), &crates, edges).unwrap().into_iter();
            packages.map(|package| format!("{} {} {:?}", package.name, package.root, package.dependencies)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[]), ["app true []", "dep false []", "z false []"]);
        assert_eq!(shown(&edges), ["app true [1, 2]", "dep false [2]", "z false []"]);
    }
}
