//! The link plan: what no-link learnt and link-only needs.
//!
//! `docs/link-plan.md` describes it field by field, and `docs/link-plan.schema.json` is its schema.

pub mod crate_type;
pub(crate) mod linker_flavor;
pub(crate) mod run_path;

use anyhow::{Context, Result, bail};
use crate_type::CrateType;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 5;

/// The placeholder for the folder that holds `lib/rustlib/<target>/lib`.
pub const SYSROOT: &str = "{sysroot}";

/// The placeholder for the working folder, where the linker writes a path into the artifact.
pub const CWD: &str = "{cwd}";

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
    /// The identities of the crates that were given and of which nothing is linked: only their
    /// macros are used, or nothing.
    pub unlinked: Vec<String>,
    /// Whether the command asked for dylibs where there are any (`-Cprefer-dynamic`); the lines are
    /// static all the same.
    pub prefer_dynamic: bool,
    /// What is done with what the linker says when it succeeds.
    #[serde(default, skip_serializing_if = "LinkerMessages::are_allowed")]
    pub linker_messages: LinkerMessages,
    /// Whether the linker's command is printed (`--print=link-args`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub print_link_args: bool,
    /// Whether the crate or one below it has a `#[global_allocator]`.
    pub own_allocator: bool,
    /// How to optimise at link time; absent if the crate was not compiled for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lto: Option<LtoOptions>,
    /// One link for each crate type, in the order in which rustc was asked for them.
    pub links: Vec<Link>,
}

/// What is done with what the linker says when it succeeds: rustc's lint of that name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerMessages {
    /// Nobody hears of it.
    #[default]
    Allow,
    /// It is shown.
    Warn,
    /// It is shown, and the link fails.
    Deny,
}

impl LinkerMessages {
    fn are_allowed(&self) -> bool {
        *self == Self::Allow
    }
}

/// What link-time optimisation must know of the command and cannot read in the modules.
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
    /// Its identity: the stem of its files without `lib` ([`crate::files::crates::identity`]).
    pub id: String,
    /// Tells this build of the crate from others ([`crate::files::rlib::stamp`]).
    pub stamp: String,
}

/// How one artifact is linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The crate type: any but an rlib.
    pub crate_type: CrateType,
    /// The artifact's file name.
    pub file_name: String,
    /// The folder, relative to the working folder, that rustc was asked to write to. `$ORIGIN` in
    /// run paths means this folder; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<String>,
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
    /// The metadata object of the library crate whose dylib form this is; link-only makes it of the
    /// rlib.
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
    /// A native static library that an rlib carries inside as one member
    /// (`+bundle,+whole-archive`).
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
    /// The symbols that a DLL exports, as a module-definition file.
    ModuleDefinition {
        /// The module-definition file.
        file: String,
        /// The linker's argument, with `{file}` for it.
        arg: String,
    },
    /// The import library that rustc makes of a DLL's functions (`raw-dylib`).
    ImportLibrary {
        /// The library.
        file: String,
    },
    /// The import library that the linker writes for a DLL; it goes beside the artifact.
    OutputImportLibrary {
        /// The linker's argument, with `{file}` for it.
        arg: String,
    },
    /// The symbols that a staticlib, compiled for LTO, offers to whoever links it; in the form of a
    /// version script.
    ExportedSymbols {
        /// The script.
        file: String,
    },
    /// A run path, written into the artifact.
    RunPath {
        /// The linker's argument, with `$ORIGIN` for the folder in `output_dir`.
        arg: String,
    },
    /// `-o` and the artifact.
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

/// Where a metadata object lists how its crate's dependencies are linked
/// ([`crate::formats::metadata_formats`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataFormats {
    /// Where the list begins: bytes from the beginning of the file.
    pub offset: u64,
    /// The identities of the crates in the list's order, the sysroot's included.
    pub crates: Vec<String>,
}

/// A text of a plan that becomes a part of a path, and what it may be there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PathPart<'a> {
    /// A file somewhere below a folder.
    Below(Cow<'a, str>),
    /// A file or folder right in a folder.
    In(&'a str),
}

impl PathPart<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Below(text) => text,
            Self::In(text) => text,
        }
    }

    fn is_where_it_should_be(&self) -> bool {
        match self {
            Self::Below(text) => is_inside(text),
            Self::In(text) => is_inside(text) && Path::new(text).components().count() == 1,
        }
    }
}

impl Item {
    /// What of it becomes a path in the folder of modules, a library folder of the sysroot, a
    /// folder that is searched for native libraries, or the scratch folder. Folders to search and
    /// arguments of the linker may name anything.
    fn parts(&self) -> Vec<PathPart<'_>> {
        match self {
            Self::Module { file }
            | Self::AllocatorShim { file }
            | Self::SymbolsObject { file }
            | Self::MetadataObject { file, formats: _ }
            | Self::VersionScript { file, arg: _ }
            | Self::ModuleDefinition { file, arg: _ }
            | Self::ImportLibrary { file }
            | Self::ExportedSymbols { file } => vec![PathPart::Below(file.into())],
            Self::BundledLibrary { id: _, member, arg: _ } => vec![PathPart::In(member)],
            Self::SysrootCrate { target, file_name } => vec![PathPart::In(target), PathPart::In(file_name)],
            Self::NativeLibrary { arg } => vec![PathPart::Below(format!("lib{}.a", arg.strip_prefix("-l").unwrap_or(arg)).into())],
            Self::ArchivedLibrary { name, verbatim: true } => vec![PathPart::Below(name.into())],
            Self::ArchivedLibrary { name, verbatim: false } => vec![PathPart::Below(format!("lib{name}.a").into())],
            Self::SearchPath { dir: arg } | Self::RunPath { arg } | Self::TargetFlag { arg } | Self::Passthrough { arg } => {
                arg.split(MODULES).skip(1).map(|rest| PathPart::Below(rest.trim_start_matches('/').into())).collect()
            }
            // Crates are looked up by identity among those that were given.
            Self::Crate { id: _ } | Self::WholeCrate { id: _ } | Self::CrateMetadata { id: _ } => Vec::new(),
            Self::Output | Self::OutputImportLibrary { arg: _ } => Vec::new(),
        }
    }
}

impl Link {
    /// What of it becomes a path; `output_dir` only says from where run paths lead.
    fn parts(&self) -> impl Iterator<Item = PathPart<'_>> {
        let Self { crate_type: _, file_name, output_dir: _, linker: _, line } = self;
        std::iter::once(PathPart::In(file_name)).chain(line.iter().flat_map(Item::parts))
    }

    /// Whether anything in the line means `output_dir`.
    pub fn needs_output_dir(&self) -> bool {
        self.line.iter().any(|item| matches!(item, Item::RunPath { arg } if run_path::is_run_path(arg)))
    }

    /// The library crate whose dylib form this is, if it is one.
    pub fn own_crate(&self) -> Option<&str> {
        self.line.iter().find_map(|item| if let Item::WholeCrate { id } = item { Some(id.as_str()) } else { None })
    }

    /// Whether this is a program that is loaded without an interpreter
    /// (`rustc_codegen_ssa::back::linker`, 1.95: `LinkOutputKind::StaticNoPicExe`, `StaticPicExe`).
    pub fn is_static_executable(&self) -> bool {
        let is_static = |item: &Item| matches!(item, Item::TargetFlag { arg } if matches!(arg.as_str(), "-static" | "-static-pie"));
        self.crate_type == CrateType::Bin && self.line.iter().any(is_static)
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

    /// Takes the text of a plan apart.
    ///
    /// # Errors
    /// If it is no plan, or one of another version.
    pub fn parse(text: &str) -> Result<Self> {
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
        if let Some(outside) = plan.links.iter().flat_map(Link::parts).find(|part| !part.is_where_it_should_be()) {
            bail!("it names the file `{}`, which is not below the folder it should be in\n  {again}", outside.text());
        }
        if plan.links.iter().any(|link| link.output_dir.is_none() && link.needs_output_dir()) {
            bail!("it has a run path with `$ORIGIN`, and no `output_dir` for what that means\n  {again}");
        }
        if plan.links.iter().any(|link| !link.crate_type.is_linked()) {
            bail!("it links an rlib, which is not linked\n  {again}");
        }
        // An unlisted crate has no stamp to check it by.
        let listed: HashSet<&str> = plan.crates.iter().map(|listed| listed.id.as_str()).collect();
        if let Some(unlisted) = plan.linked_crates().find(|id| !listed.contains(id)) {
            bail!("it links the crate `{unlisted}` without listing it\n  {again}");
        }
        Ok(plan)
    }

    /// The build's crates that its lines link, as often as they do.
    fn linked_crates(&self) -> impl Iterator<Item = &str> {
        self.links.iter().flat_map(|link| &link.line).filter_map(|item| match item {
            Item::Crate { id } | Item::WholeCrate { id } | Item::CrateMetadata { id } | Item::BundledLibrary { id, .. } => {
                Some(id.as_str())
            }
            Item::Module { .. }
            | Item::AllocatorShim { .. }
            | Item::SymbolsObject { .. }
            | Item::MetadataObject { .. }
            | Item::SysrootCrate { .. }
            | Item::NativeLibrary { .. }
            | Item::ArchivedLibrary { .. }
            | Item::SearchPath { .. }
            | Item::VersionScript { .. }
            | Item::ModuleDefinition { .. }
            | Item::ImportLibrary { .. }
            | Item::OutputImportLibrary { .. }
            | Item::ExportedSymbols { .. }
            | Item::RunPath { .. }
            | Item::Output
            | Item::TargetFlag { .. }
            | Item::Passthrough { .. } => None,
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
pub(crate) fn is_inside(file: &str) -> bool {
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
            linker_messages: LinkerMessages::Warn,
            print_link_args: true,
            own_allocator: false,
            lto: Some(LtoOptions { opt_level: "s".into(), llvm_args: vec!["-x".into()] }),
            links: vec![Link {
                crate_type: CrateType::Bin,
                file_name: "app".into(),
                output_dir: Some("out".into()),
                linker: Some("cc".into()),
                line: vec![Item::Crate { id: "dep-1".into() }, Item::Output, Item::TargetFlag { arg: "-pie".into() }],
            }],
        };
        assert_eq!(LinkPlan::parse(&plan.to_text()).unwrap(), plan);
    }

    /// A plan with one link to `file_name`, whose line has `item` beside a crate.
    fn plan_with(file_name: &str, item: Item) -> LinkPlan {
        let line = vec![Item::Crate { id: "../a".into() }, item];
        let link = Link { crate_type: CrateType::Bin, file_name: file_name.into(), output_dir: None, linker: None, line };
        LinkPlan {
            version: VERSION,
            crate_name: "a".into(),
            crates: vec![Crate { id: "../a".into(), stamp: String::new() }],
            unlinked: Vec::new(),
            prefer_dynamic: false,
            linker_messages: LinkerMessages::Allow,
            print_link_args: false,
            own_allocator: false,
            lto: None,
            links: vec![link],
        }
    }

    #[test]
    fn files_stay_in_their_folders() {
        let module = |file: &str| Item::Module { file: file.into() };
        let checked = |plan: &LinkPlan| LinkPlan::parse(&plan.to_text()).map_err(|error| error.to_string());
        checked(&plan_with("app", module("bin/a.o"))).unwrap();
        let below: &[fn(String) -> Item] = &[
            |file| Item::Module { file },
            |file| Item::AllocatorShim { file },
            |file| Item::SymbolsObject { file },
            |file| Item::MetadataObject { file, formats: None },
            |file| Item::VersionScript { file, arg: FILE.into() },
            |file| Item::ModuleDefinition { file, arg: FILE.into() },
            |file| Item::ImportLibrary { file },
            |file| Item::ExportedSymbols { file },
            |name| Item::ArchivedLibrary { name, verbatim: true },
            |file| Item::SearchPath { dir: format!("{MODULES}/{file}") },
            |file| Item::Passthrough { arg: format!("-Wl,--script={MODULES}/{file}") },
        ];
        let directly: &[fn(String) -> Item] = &[
            |member| Item::BundledLibrary { id: "../a".into(), member, arg: FILE.into() },
            |target| Item::SysrootCrate { target, file_name: "libstd.rlib".into() },
            |file_name| Item::SysrootCrate { target: "t".into(), file_name },
        ];
        for item in below.iter().chain(directly) {
            checked(&plan_with("app", item("a.o".into()))).unwrap();
            for outside in ["..", "../a.o", "bin/../../a.o", ""] {
                let plan = plan_with("app", item(outside.into()));
                let message = checked(&plan).expect_err(outside);
                assert!(message.contains("not below the folder"), "{plan:?}: {message}");
            }
        }
        for item in below {
            checked(&plan_with("app", item("bin/a.o".into()))).unwrap();
        }
        for item in directly {
            assert!(checked(&plan_with("app", item("bin/a.o".into()))).is_err());
        }
        // Only a name with a folder of its own can lead out of the folder that it is looked for in.
        for name in ["x/../../y", "../../x"] {
            assert!(checked(&plan_with("app", Item::NativeLibrary { arg: format!("-l{name}") })).is_err());
            assert!(checked(&plan_with("app", Item::ArchivedLibrary { name: name.into(), verbatim: false })).is_err());
        }
        let run_path = |arg: &str| plan_with("app", Item::RunPath { arg: format!("-Wl,-rpath,{arg}") });
        checked(&run_path("{sysroot}/lib")).unwrap();
        assert!(checked(&run_path("$ORIGIN/../lib")).unwrap_err().contains("no `output_dir`"));
        for file_name in ["../app", "/app", "", "bin/app"] {
            assert!(checked(&plan_with(file_name, module("a.o"))).unwrap_err().contains("not below the folder"), "{file_name}");
        }
        for anywhere in ["/usr/lib", "../lib"] {
            checked(&plan_with("app", Item::SearchPath { dir: anywhere.into() })).unwrap();
            checked(&plan_with("app", Item::Passthrough { arg: format!("{anywhere}/x.o") })).unwrap();
        }
    }

    #[test]
    fn another_version_is_named() {
        let message = LinkPlan::parse(r#"{"version": 7, "anything": []}"#).unwrap_err().to_string();
        assert!(message.contains("version 7") && message.contains("reads version 5"), "{message}");
        assert!(LinkPlan::parse("{}").unwrap_err().to_string().contains("no version"));
        assert!(LinkPlan::parse("{").unwrap_err().to_string().contains("not JSON"));
    }
}
