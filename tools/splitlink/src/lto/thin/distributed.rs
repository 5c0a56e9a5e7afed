//! Distributed thin LTO: what the thin link knows of each module, and how its actions hand that on.
//!
//! The thin link writes a folder for each crate, [`MODULES_FILE`] in it and for each group of
//! artifacts, by its number, `modules` (bitcode) and `indexes`. In `modules` are those of the crate
//! and those that they import from, and no others: what is in the folder is what the crate's
//! objects follow from. The standard library's bitcode, which is the same for all crates, has a
//! folder of its own. What is linked of the objects is in [`LINK_FILE`].

use super::{MODULES, NEEDED, Run, WITHOUT_SUMMARY, file_in, has_contents, read};
use crate::lto::bitcode;
use crate::lto::cache::Key;
use crate::lto::request::{Bitcode, Options};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The version of both files.
pub const VERSION: u32 = 1;

/// What the list of a crate's modules is called.
pub const MODULES_FILE: &str = "modules.json";

/// What the list of a link's objects is called.
pub const LINK_FILE: &str = "link.json";

/// Where the standard library's bitcode is: in the names of modules, and in the thin link's folder.
pub const STD_BITCODE: &str = "std-bitcode";

/// The modules of one crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateModules {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The crate, for messages.
    pub crate_name: String,
    /// For each group of artifacts in which the crate has modules, by its number, what is made of
    /// them.
    pub groups: BTreeMap<usize, CrateGroup>,
}

/// The modules of one crate in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateGroup {
    /// How to optimise.
    pub options: Options,
    /// Whether code may lie anywhere in memory.
    pub position_independent: bool,
    /// The modules, in the order of the link line.
    pub modules: Vec<IndexedModule>,
    /// The digest of each file that is read, by its name.
    pub digests: BTreeMap<String, String>,
}

/// A module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexedModule {
    /// What messages call it.
    pub name: String,
    /// Its bitcode, by the name that the index has for it.
    pub bitcode: String,
    /// The index of what it may assume of others.
    pub index: String,
    /// The bitcode of the modules that it imports functions from.
    pub imports: Vec<String>,
    /// What the object is called.
    pub object: String,
}

/// What link-only is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinLink {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The crate that is linked, for messages.
    pub crate_name: String,
    /// The groups of artifacts, in order.
    pub groups: Vec<LinkedGroup>,
}

/// What link-only is told of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkedGroup {
    /// The digest of all that its objects were made of.
    pub inputs: String,
    /// The objects in the order of the link line: each crate's folder, the group's number and a file
    /// name.
    pub objects: Vec<String>,
}

/// Reads one of the files.
///
/// # Errors
/// If there is none, or one of another version.
pub fn read_list<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let help = "help: `splitlink thin-link` writes it; is it among the action's inputs?";
    let text = fs::read(path).with_context(|| format!("cannot read `{}`\n  {help}", path.display()))?;
    parse_list(&text).with_context(|| format!("cannot use `{}`", path.display()))
}

/// Takes the text of one of the files apart.
///
/// # Errors
/// If it is none, or one of another version.
pub fn parse_list<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    let value: serde_json::Value =
        serde_json::from_slice(text).context("it is not JSON\n  help: was it truncated? run the thin link again")?;
    if value["version"].as_u64() != Some(VERSION.into()) {
        bail!(
            "it is of version {}, and this program reads version {VERSION}\n  help: run all actions of a link with one release of splitlink",
            value["version"]
        );
    }
    serde_json::from_value(value).context("it does not have the form that its version promises\n  help: run the thin link again")
}

/// Whether `name` leads to a file below the folder that it is relative to, and nowhere else.
pub(crate) fn is_below(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// That a list names a file elsewhere.
pub(crate) fn leads_elsewhere(name: &str) -> String {
    format!("the list names `{name}`, which is not below its folder\n  help: was it written by `splitlink thin-link`? run that again")
}

/// The digest of the parts, as text.
pub fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> String {
    let mut key = Key::new();
    parts.into_iter().for_each(|part| key.add(part));
    format!("{:032x}", key.digest())
}

/// What the thin link knows of a module that is needed.
#[derive(Debug)]
pub struct Indexed<'m> {
    /// The module.
    pub module: &'m Bitcode,
    /// Its bitcode, in the run's folder.
    pub file: String,
    /// The index, in the run's folder.
    pub index: PathBuf,
    /// The modules that it imports from.
    pub imports: Vec<String>,
}

impl<'m> Run<'m> {
    /// Writes the index of each module that is needed into `dir`, and makes no object. `is_std` says
    /// which modules are the standard library's.
    ///
    /// # Errors
    /// rust-lld's own; that it is missing; what cannot be done in parts.
    pub fn indexes(&self, dir: &Path, is_std: impl Fn(&Bitcode) -> bool) -> Result<Vec<Indexed<'m>>> {
        if self.web_assembly.is_some() {
            bail!(
                "distributed thin LTO is not for WebAssembly, whose linker compiles all modules or none\n  \
                 help: optimise in one action, without distributed thin LTO"
            );
        }
        if let Some(arg) = self.options.llvm_args.iter().find(|arg| file_in(arg).is_some()) {
            bail!(
                "`-Cllvm-args={arg}` names a file, which the actions of distributed thin LTO would not see\n  \
                 help: leave it out, or optimise in one action, without distributed thin LTO"
            );
        }
        let linker = self.absolute_linker()?;
        let files = self.files(dir, |module| if is_std(module) { STD_BITCODE } else { MODULES })?;
        self.write_arguments(&self.options()?, &files, dir)?;
        let named = [format!("--thinlto-index-only={NEEDED}"), format!("--lto-obj-path={WITHOUT_SUMMARY}")];
        self.lld(&linker, dir, &[&["--thinlto-emit-imports-files".to_owned()][..], &named].concat())?;
        let needed = read(&dir.join(NEEDED))?;
        let needed: HashSet<&str> = needed.lines().collect();
        // rustc writes summaries always.
        if has_contents(&dir.join(WITHOUT_SUMMARY)) {
            let mut without = Vec::new();
            for module in self.modules {
                if !bitcode::has_summary(&module.read()?).with_context(|| format!("cannot understand the bitcode of `{}`", module.name))? {
                    without.push(format!("`{}`", module.name));
                }
            }
            bail!(
                "without a summary, by which thin LTO imports functions: {}\n  \
                 help: compile such C with `-flto=thin`, or optimise in one action, without distributed thin LTO",
                without.join(" and ")
            );
        }
        let mut indexed = Vec::new();
        for (module, file) in self.modules.iter().zip(files).filter(|(_, file)| needed.contains(file.as_str())) {
            let imports = read(&dir.join(format!("{file}.imports")))?.lines().map(str::to_owned).collect();
            indexed.push(Indexed { module, index: dir.join(format!("{file}.thinlto.bc")), file, imports });
        }
        Ok(indexed)
    }

    /// The digest of all that the run's objects follow from.
    ///
    /// # Errors
    /// If a module cannot be read.
    pub fn digest(&self) -> Result<String> {
        let options = self.options()?;
        let mut parts: Vec<Vec<u8>> = options.counted;
        parts.extend(self.keep.iter().map(|name| name.clone().into_bytes()));
        for module in self.modules {
            // What is on the link line beside others may be there in another order.
            parts.extend([module.name.clone().into_bytes(), vec![module.on_demand.into()]]);
            parts.push(digest([module.read()?.as_slice()]).into_bytes());
        }
        Ok(digest(parts.iter().map(Vec::as_slice)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_other_versions() {
        let list = ThinLink { version: VERSION, crate_name: "app".into(), groups: Vec::new() };
        let text = serde_json::to_string(&list).unwrap();
        assert_eq!(parse_list::<ThinLink>(text.as_bytes()).unwrap(), list);
        for (text, message) in [
            (text.replace("\"version\":1", "\"version\":2"), "it is of version 2"),
            (text.replace("groups", "other"), "does not have the form"),
            (text[..9].to_owned(), "it is not JSON"),
        ] {
            let error = parse_list::<ThinLink>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains("help: "), "{error}");
        }
    }

    #[test]
    fn names_below_a_folder() {
        for (name, expected) in
            [("0/a.o", true), ("a", true), ("../a", false), ("a/../../b", false), ("/a", false), ("", false), ("./a", false)]
        {
            assert_eq!(is_below(name), expected, "{name}");
        }
    }

    #[test]
    fn digests_tell_parts_apart() {
        assert_ne!(digest([&b"ab"[..], b"c"]), digest([&b"a"[..], b"bc"]));
        assert_eq!(digest([&b"a"[..]]).len(), 32);
    }
}
