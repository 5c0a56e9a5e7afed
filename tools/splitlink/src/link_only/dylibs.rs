//! What link-only does besides where Rust dylibs take part.
//!
//! It finds them, gives the artifact run paths to them, and asks the linker for the symbols of the
//! static part only. It also makes a library crate's dylib, with a manifest.

use crate::files::archive::{Archive, Builder};
use crate::files::crates;
use crate::files::paths::as_argument;
use crate::files::rlib;
use crate::files::scratch;
use crate::formats::Linkage;
use crate::formats::dylib_manifest::DylibManifest;
use crate::formats::link_line;
use crate::formats::metadata_formats;
use crate::formats::offered;
use crate::link_only::line::{Line, Part};
use crate::link_only::linker::with_file;
use crate::link_only::linking::Linking;
use crate::link_only::symbols::{self, Defined};
use crate::plan::crate_type::CrateType;
use crate::plan::linker_flavor::LinkerFlavor;
use crate::plan::run_path;
use crate::plan::{Item, MetadataFormats};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

impl Linking<'_> {
    /// The dylib of the crate `id`.
    pub(crate) fn dylib(&self, id: &str) -> Result<PathBuf> {
        match (self.offered.dylib(id), self.offered.manifest(id)) {
            (Some(path), _) => Ok(path.to_owned()),
            (None, Some(std)) => offered::std_dylib(&self.sysroot_libdir()?, &std.file_name),
            (None, None) => bail!("no dylib of the crate `{id}` was given"),
        }
    }

    /// The folder of the sysroot's libraries for the line's target.
    pub(crate) fn sysroot_libdir(&self) -> Result<PathBuf> {
        let target = self.link.line.iter().find_map(|item| if let Item::SysrootCrate { target, .. } = item { Some(target) } else { None });
        let target = target.context("the plan links no crate of the sysroot, which would name the target")?;
        Ok(self.sysroot()?.join("lib/rustlib").join(target).join("lib"))
    }

    /// Run paths by which the artifact, at `output`, finds its Rust dylibs, but for those that the
    /// linker's arguments `given` have.
    pub(crate) fn run_paths_to_dylibs(&self, output: &Path, given: &[String]) -> Result<Vec<String>> {
        let to = output.parent().unwrap_or(Path::new(""));
        let mut dirs = Vec::new();
        for id in self.decision.of(Linkage::Dynamic) {
            let dylib = self.dylib(id)?;
            dirs.push(dylib.parent().unwrap_or(Path::new("")).to_owned());
        }
        if !dirs.is_empty() && !self.options.dylib_dirs.is_empty() {
            dirs.clone_from(&self.options.dylib_dirs);
        }
        let mut paths: Vec<String> = Vec::new();
        for dir in &dirs {
            let text = dir.to_string_lossy();
            let path = if run_path::is_run_path(&text) {
                text.into_owned()
            } else {
                let path = run_path::from_origin(dir, to);
                if path.contains(':') {
                    bail!(
                        "the folder of dylibs `{text}` cannot be in a run path, where `:` stands between folders\n  help: rename the folder"
                    );
                }
                path
            };
            let is_given =
                |arg: &String| arg == &path || (run_path::is_run_path(arg) && arg.split([',', '=', ':']).any(|part| part == path));
            if !paths.contains(&path) && !given.iter().any(is_given) {
                paths.push(path);
            }
        }
        let arg = match self.link.linker_flavor() {
            LinkerFlavor::Driver => "-Wl,-rpath,{file}",
            LinkerFlavor::Linker => "-rpath={file}",
        };
        Ok(paths.iter().flat_map(|path| with_file(arg, path)).collect())
    }

    /// Exchanges `symbols.o` and the version script on `line` for what they are when some crates
    /// are not linked statically.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(crate) fn reduce_symbols(&self, line: &mut Line<'_>) -> Result<()> {
        let own = self.link.own_crate();
        let is_static = |linkage: Linkage| matches!(linkage, Linkage::Static | Linkage::NotLinked);
        if own.is_none() && self.decision.crates.iter().all(|(_, format)| is_static(format.linkage)) {
            return Ok(());
        }
        let defined = self.defined_symbols(line)?;
        let dir = self.scratch.subdir("reduced")?;
        for part in &mut line.parts {
            let Part::File(item, path) = part else { continue };
            let (file, bytes) = match item {
                Item::SymbolsObject { file } => {
                    let original = fs::read(&path).with_context(|| format!("cannot read the module `{file}`"))?;
                    (file, symbols::reduce_symbols_object(&original, |name| defined.has(name))?)
                }
                Item::VersionScript { file, .. } => {
                    let script = fs::read_to_string(&path).with_context(|| format!("cannot read the module `{file}`"))?;
                    let mut script = symbols::reduce_version_script(&script, |name| defined.has(name.as_bytes()));
                    if let Some(own) = own {
                        script = symbols::add_to_version_script(&script, &symbols::metadata_symbol(own));
                    }
                    (file, script.into_bytes())
                }
                _ => continue,
            };
            *path = dir.join(file.replace('/', "-"));
            fs::write(&path, bytes).with_context(|| scratch::cannot_write(path))?;
        }
        Ok(())
    }

    /// The symbols that the static part of `line` defines.
    fn defined_symbols(&self, line: &Line<'_>) -> Result<Defined> {
        let linkage = self.decision.linkage();
        let mut defined = Defined::default();
        for object in line.objects() {
            defined.add_object(object)?;
        }
        for (item, file) in line.files() {
            match item {
                Item::Module { .. } | Item::MetadataObject { .. } | Item::AllocatorShim { .. } | Item::CrateMetadata { .. } => {
                    defined.add_object(file)?;
                }
                Item::WholeCrate { .. } => defined.add_rlib(file)?,
                // What is linked although a dylib has it inside (`compiler_builtins`) is not
                // listed.
                Item::Crate { .. } | Item::SysrootCrate { .. } => {
                    let id = link_line::crate_of(item).unwrap_or_default();
                    if linkage.get(id) == Some(&Linkage::Static) {
                        defined.add_rlib(file)?;
                    }
                }
                // rustc lists Rust's own symbols alone.
                Item::BundledLibrary { .. } | Item::ArchivedLibrary { .. } | Item::NativeLibrary { .. } => {}
                Item::SymbolsObject { .. } | Item::VersionScript { .. } | Item::ExportedSymbols { .. } => {}
                // There are no dylibs where these are.
                Item::ModuleDefinition { .. } | Item::ImportLibrary { .. } | Item::OutputImportLibrary { .. } => {}
                Item::SearchPath { .. } | Item::RunPath { .. } | Item::Output | Item::TargetFlag { .. } | Item::Passthrough { .. } => {}
            }
        }
        Ok(defined)
    }

    /// The linker's arguments for all objects of the library crate whose rlib is `rlib`. Native
    /// libraries inside its rlib give only what is needed of them, as when rustc links the
    /// library's dylib.
    pub(crate) fn whole_archive(&self, rlib: &Path) -> Result<Vec<String>> {
        let archive = Archive::read(rlib)?;
        let is_native = |name: &str| !(rlib::is_metadata(name) || rlib::is_of_rust(name));
        let (own, native) = if archive.members.iter().any(|member| is_native(&member.name)) {
            let own = self.scratch.subdir("whole")?.join("own.rlib");
            let mut builder = Builder::default();
            builder.add_archive(&archive, |name| !is_native(name));
            builder.write(&own)?;
            (own, Some(rlib))
        } else {
            (rlib.to_owned(), None)
        };
        let flavor = self.link.linker_flavor();
        let mut args = vec![flavor.flag("--whole-archive"), as_argument(&own), flavor.flag("--no-whole-archive")];
        args.extend(native.map(as_argument));
        Ok(args)
    }

    /// The object with the metadata of the library crate `id`, made from its rlib.
    pub(crate) fn crate_metadata(&self, id: &str) -> Result<PathBuf> {
        let path = self.scratch.subdir("metadata")?.join("rmeta.o");
        if !path.is_file() {
            let like = self.link.line.iter().find_map(|item| if let Item::SymbolsObject { file } = item { Some(file) } else { None });
            let like = self.module(like.context("the plan of a dylib has no `symbols.o`\n  help: run the no-link action again")?)?;
            let like = fs::read(&like).with_context(|| format!("cannot read `{}`", like.display()))?;
            let object = symbols::metadata_object(&like, &symbols::metadata_symbol(id), &rlib::metadata(self.rlib(id)?)?)?;
            fs::write(&path, object).with_context(|| scratch::cannot_write(&path))?;
        }
        Ok(path)
    }

    /// The object with the crate's own metadata, which is the module `file`; that of a dylib with
    /// dylibs below lists its formats.
    pub(crate) fn metadata_object(&self, file: &str, formats: Option<&MetadataFormats>) -> Result<PathBuf> {
        let module = self.module(file)?;
        if self.link.crate_type != CrateType::Dylib || self.decision.of(Linkage::Dynamic).next().is_none() {
            return Ok(module);
        }
        let formats = formats.with_context(|| {
            format!(
                "the metadata of `{}` says that all is linked statically, and this splitlink does not find where this rustc writes that\n  \
                 help: link the dylib from rlibs only; a newer splitlink may know, else please report it with `rustc -vV`",
                self.plan.crate_name
            )
        })?;
        let mut object = fs::read(&module).with_context(|| format!("cannot read `{}`", module.display()))?;
        metadata_formats::write(&mut object, formats, &self.decision.linkage())?;
        let path = self.scratch.subdir("metadata")?.join("rmeta.o");
        fs::write(&path, object).with_context(|| scratch::cannot_write(&path))?;
        Ok(path)
    }

    /// The manifest of the dylib that this link makes, for `output`.
    pub(crate) fn manifest(&self, output: &Path) -> DylibManifest {
        let file_name = output.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let id = match self.link.own_crate() {
            Some(own) => own.to_owned(),
            // A dylib that the command calls otherwise can only be told by its crate's name.
            None => crates::identity(Path::new(&self.link.file_name)).unwrap_or_else(|_| self.plan.crate_name.clone()),
        };
        self.decision.manifest(self.plan, &id, &file_name)
    }
}
