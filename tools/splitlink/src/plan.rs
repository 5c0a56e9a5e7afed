//! The link plan: what no-link learnt and link-only needs. `docs/link-plan.md` describes it field by field, and
//! `docs/link-plan.schema.json` is its schema.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 3;

/// The placeholder for the folder that holds `lib/rustlib/<target>/lib`.
pub const SYSROOT: &str = "{sysroot}";

/// The placeholder, in an item's `arg`, for the item's own file.
pub const FILE: &str = "{file}";

/// The placeholder for the folder of modules.
pub const MODULES: &str = "{modules}";

/// A link plan: everything that link-only must know and only rustc can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPlan {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The name of the crate that is linked.
    pub crate_name: String,
    /// Every Rust crate of the build that is linked in, other than the sysroot's.
    pub crates: Vec<Crate>,
    /// The identities of the crates that were given and of which nothing is linked: only their macros are used, or nothing.
    pub unlinked: Vec<String>,
    /// Whether the command asked for dylibs where there are any (`-Cprefer-dynamic`); the lines are static all the same.
    pub prefer_dynamic: bool,
    /// How to optimise at link time; absent if the crate was not compiled for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lto: Option<LtoOptions>,
    /// One link for each crate type, in the order in which rustc was asked for them.
    pub links: Vec<Link>,
}

/// What link-time optimisation must know of the command, as modules do not say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LtoOptions {
    /// As in `-Copt-level`: `0` to `3`, `s`, `z`.
    pub opt_level: String,
    /// Arguments for LLVM itself, as in `-Cllvm-args`.
    pub llvm_args: Vec<String>,
}

/// A Rust crate that is linked in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crate {
    /// Its identity: the stem of its files without `lib` ([`crate::crates::identity`]).
    pub id: String,
    /// Tells this build of the crate from others ([`crate::rlib::stamp`]).
    pub stamp: String,
}

/// How one artifact is linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The crate type, as rustc spells it: `bin`, `cdylib`, `dylib`, `proc-macro`, `staticlib`.
    pub crate_type: String,
    /// The artifact's file name.
    pub file_name: String,
    /// The folder, relative to the working folder, that rustc was asked to write to. `$ORIGIN` in run paths means this folder.
    pub output_dir: String,
    /// The linker as rustc was told it, or rustc's own default; absent for a staticlib.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linker: Option<String>,
    /// The link line in order: the linker's arguments, or for a staticlib the archive's contents.
    pub line: Vec<Item>,
}

/// One item of a link line. A `file` is relative to the folder of modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Item {
    /// A codegen unit of the crate itself.
    Module {
        /// The object or bitcode file.
        file: String,
    },
    /// The allocator shim: `__rust_alloc` and its kin, generated for this crate.
    AllocatorShim {
        /// The object or bitcode file.
        file: String,
    },
    /// `symbols.o`: undefined references that keep exported and `#[used]` symbols alive.
    SymbolsObject {
        /// The object file.
        file: String,
    },
    /// `rmeta.o`: the crate's metadata, in dylibs and proc macros.
    MetadataObject {
        /// The object file.
        file: String,
        /// Where in it a dylib's dependency formats are; absent for a proc macro.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        formats: Option<MetadataFormats>,
    },
    /// A Rust crate of the build.
    Crate {
        /// Its identity, one of the plan's `crates`.
        id: String,
    },
    /// The library crate whose dylib form this is, with all its objects.
    WholeCrate {
        /// Its identity, one of the plan's `crates`.
        id: String,
    },
    /// The metadata object of the library crate whose dylib form this is; link-only makes it of the rlib.
    CrateMetadata {
        /// Its identity, one of the plan's `crates`.
        id: String,
    },
    /// A Rust crate of the sysroot.
    SysrootCrate {
        /// The target whose library folder holds it.
        target: String,
        /// The rlib's file name.
        file_name: String,
    },
    /// A native library by name, found in the search paths.
    NativeLibrary {
        /// The linker's argument, `-lfoo`.
        arg: String,
    },
    /// A native static library that an rlib carries inside as one member (`+bundle,+whole-archive`).
    BundledLibrary {
        /// The identity of the crate that carries it.
        id: String,
        /// The member's name.
        member: String,
        /// The linker's argument, with `{file}` for the unpacked library.
        arg: String,
    },
    /// A native static library whose objects go into a staticlib.
    ArchivedLibrary {
        /// The library's name as given to `-lstatic=`.
        name: String,
        /// Whether the name is the file's own name (`+verbatim`).
        verbatim: bool,
    },
    /// A folder in which native libraries are looked for.
    SearchPath {
        /// The folder.
        dir: String,
    },
    /// The symbols that are exported.
    VersionScript {
        /// The script.
        file: String,
        /// The linker's argument, with `{file}` for the script.
        arg: String,
    },
    /// The symbols that a staticlib, compiled for LTO, offers to whoever links it; in the form of a version script.
    ExportedSymbols {
        /// The script.
        file: String,
    },
    /// A run path, written into the artifact.
    RunPath {
        /// The linker's argument, with `$ORIGIN` for the folder in `output_dir`.
        arg: String,
    },
    /// Here stands `-o` and the artifact.
    Output,
    /// A flag that rustc gives for the target, the crate type or a `-C` option.
    TargetFlag {
        /// The linker's argument.
        arg: String,
    },
    /// An argument that the user gave the linker (`-Clink-arg`).
    Passthrough {
        /// The linker's argument.
        arg: String,
    },
}

/// Where a metadata object lists how its crate's dependencies are linked ([`crate::metadata_formats`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataFormats {
    /// Where the list begins: bytes from the beginning of the file.
    pub offset: u64,
    /// The identities of the crates in the list's order, the sysroot's included.
    pub crates: Vec<String>,
}

impl Item {
    /// The file that it names relative to the folder of modules, the sysroot's library folder or an rlib.
    fn file(&self) -> Option<&str> {
        match self {
            Self::Module { file }
            | Self::AllocatorShim { file }
            | Self::SymbolsObject { file }
            | Self::MetadataObject { file, .. }
            | Self::VersionScript { file, .. }
            | Self::BundledLibrary { member: file, .. }
            | Self::SysrootCrate { file_name: file, .. } => Some(file),
            _ => None,
        }
    }
}

impl Link {
    /// The library crate whose dylib form this is, if it is one.
    pub fn own_crate(&self) -> Option<&str> {
        self.line.iter().find_map(|item| if let Item::WholeCrate { id } = item { Some(id.as_str()) } else { None })
    }

    /// Whether this is a program that is loaded without an interpreter (`rustc_codegen_ssa::back::linker`, 1.95:
    /// `LinkOutputKind::StaticNoPicExe`, `StaticPicExe`).
    pub fn is_static_executable(&self) -> bool {
        let is_static = |item: &Item| matches!(item, Item::TargetFlag { arg } if matches!(arg.as_str(), "-static" | "-static-pie"));
        self.crate_type == "bin" && self.line.iter().any(is_static)
    }
}

impl LinkPlan {
    /// Reads a plan.
    ///
    /// # Errors
    /// If the file is no plan, or one of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read the link plan `{}`\n  help: is it among the action's inputs, and what `splitlink no-link --plan` wrote?",
                path.display()
            )
        })?;
        Self::parse(&text).with_context(|| format!("`{}` cannot be used as a link plan", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_str(text).context("it is not JSON\n  help: was it truncated? run the no-link action again")?;
        match value["version"].as_u64() {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => bail!(
                "it is of version {version}, and this splitlink reads version {VERSION}\n  help: use the same splitlink for no-link and link-only"
            ),
            None => bail!("it has no version, so it is no link plan\n  help: give the file that `splitlink no-link --plan` wrote"),
        }
        let again = "help: was it edited, or written by another program? run the no-link action again";
        let plan: Self =
            serde_json::from_value(value).with_context(|| format!("it does not have the form that its version promises\n  {again}"))?;
        if let Some(outside) = plan.files().find(|file| !is_inside(file)) {
            bail!("it names the file `{outside}`, which is not below the folder it should be in\n  {again}");
        }
        // Of a crate that is not listed nothing would say which build it must be.
        let listed: HashSet<&str> = plan.crates.iter().map(|listed| listed.id.as_str()).collect();
        if let Some(unlisted) = plan.linked_crates().find(|id| !listed.contains(id)) {
            bail!("it links the crate `{unlisted}` without listing it\n  {again}");
        }
        Ok(plan)
    }

    /// Every file that is named relative to a folder of its own kind.
    fn files(&self) -> impl Iterator<Item = &str> {
        self.links.iter().flat_map(|link| std::iter::once(link.file_name.as_str()).chain(link.line.iter().filter_map(Item::file)))
    }

    /// The build's crates that its lines link, as often as they do.
    fn linked_crates(&self) -> impl Iterator<Item = &str> {
        self.links.iter().flat_map(|link| &link.line).filter_map(|item| match item {
            Item::Crate { id } | Item::WholeCrate { id } | Item::CrateMetadata { id } | Item::BundledLibrary { id, .. } => {
                Some(id.as_str())
            }
            _ => None,
        })
    }

    /// The plan as text: indented JSON, the same for the same plan.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan is plain data");
        text.push('\n');
        text
    }
}

/// Whether the relative path `file` stays below the folder it begins in.
fn is_inside(file: &str) -> bool {
    let mut components = Path::new(file).components().peekable();
    components.peek().is_some() && components.all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let plan = LinkPlan {
            version: VERSION,
            crate_name: "app".into(),
            crates: vec![Crate { id: "dep-1".into(), stamp: "00".into() }],
            unlinked: vec!["macros-1".into()],
            prefer_dynamic: false,
            lto: Some(LtoOptions { opt_level: "s".into(), llvm_args: vec!["-x".into()] }),
            links: vec![Link {
                crate_type: "bin".into(),
                file_name: "app".into(),
                output_dir: "out".into(),
                linker: Some("cc".into()),
                line: vec![Item::Crate { id: "dep-1".into() }, Item::Output, Item::TargetFlag { arg: "-pie".into() }],
            }],
        };
        assert_eq!(LinkPlan::parse(&plan.to_text()).unwrap(), plan);
    }

    #[test]
    fn files_stay_in_their_folders() {
        let plan = |file_name: &str, file: &str| {
            let link = format!(r#""crate_type": "bin", "output_dir": "", "linker": "cc", "file_name": "{file_name}""#);
            let line = format!(r#"[{{"kind": "crate", "id": "../a"}}, {{"kind": "module", "file": "{file}"}}]"#);
            LinkPlan::parse(&format!(
                r#"{{"version": 3, "crate_name": "a", "crates": [{{"id": "../a", "stamp": ""}}], "unlinked": [], "prefer_dynamic": false, "links": [{{{link}, "line": {line}}}]}}"#
            ))
        };
        assert!(plan("app", "bin/a.o").is_ok());
        for (file_name, file) in [("../app", "a.o"), ("/app", "a.o"), ("", "a.o"), ("app", "/a.o"), ("app", "bin/../../a.o"), ("app", "..")]
        {
            let message = plan(file_name, file).unwrap_err().to_string();
            assert!(message.contains("not below the folder"), "{file_name} {file}: {message}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let message = LinkPlan::parse(r#"{"version": 7, "anything": []}"#).unwrap_err().to_string();
        assert!(message.contains("version 7") && message.contains("reads version 3"), "{message}");
        assert!(LinkPlan::parse("{}").unwrap_err().to_string().contains("no version"));
        assert!(LinkPlan::parse("{").unwrap_err().to_string().contains("not JSON"));
    }
}
