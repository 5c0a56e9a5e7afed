//! What link-only does more where Rust dylibs take part: it finds them, gives the artifact run paths to them, asks the linker for
//! the symbols of the static part only, and makes of a library crate its dylib, with a manifest.

use crate::archive::{Archive, Builder};
use crate::crates;
use crate::dylib_manifest::DylibManifest;
use crate::formats::Linkage;
use crate::link_line;
use crate::link_only::Linking;
use crate::metadata_formats;
use crate::offered;
use crate::plan::{Item, MetadataFormats};
use crate::rlib;
use crate::run_path;
use crate::scratch;
use crate::symbols::{self, Defined};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
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
        let target = target.context("the plan links no crate of the sysroot")?;
        Ok(self.sysroot()?.join("lib/rustlib").join(target).join("lib"))
    }

    /// Run paths by which the artifact, at `output`, finds its Rust dylibs, but for those that the linker's arguments `given` have.
    pub(crate) fn run_paths_to_dylibs(&self, output: &Path, given: &[String]) -> Result<Vec<String>> {
        let to = output.parent().unwrap_or(Path::new(""));
        let mut dirs = Vec::new();
        for id in self.decision.of(Linkage::Dynamic) {
            let dylib = self.dylib(id)?;
            dirs.push(dylib.parent().unwrap_or(Path::new("")).to_owned());
        }
        if !dirs.is_empty() && !self.inputs.dylib_dirs.is_empty() {
            dirs.clone_from(&self.inputs.dylib_dirs);
        }
        let mut paths: Vec<String> = Vec::new();
        for dir in &dirs {
            let text = dir.to_string_lossy();
            let path = if run_path::is_run_path(&text) { text.into_owned() } else { run_path::from_origin(dir, to) };
            let is_given = |arg: &String| run_path::is_run_path(arg) && arg.split([',', '=', ':']).any(|part| part == path);
            if !paths.contains(&path) && !given.iter().any(is_given) {
                paths.push(path);
            }
        }
        let flag = if self.is_called_as_compiler() { "-Wl,-rpath," } else { "-rpath=" };
        Ok(paths.into_iter().map(|path| format!("{flag}{path}")).collect())
    }

    /// `symbols.o` and the version script as they are when some crates are not linked statically, by their names in the plan; none
    /// when rustc's own serve.
    pub(crate) fn reduced_symbols(&self) -> Result<HashMap<&str, PathBuf>> {
        let own = self.link.own_crate();
        if own.is_none() && self.decision.crates.iter().all(|(_, format)| matches!(format.linkage, Linkage::Static | Linkage::NotLinked)) {
            return Ok(HashMap::new());
        }
        let linkage = self.decision.linkage();
        let mut defined = Defined::default();
        let shim_stays = self.decision.of(Linkage::Dynamic).next().is_none();
        for object in self.optimised.iter().flat_map(|optimised| &optimised.objects) {
            defined.add_object(object)?;
        }
        for item in &self.link.line {
            if self.is_optimised_away(item) {
                continue;
            }
            match item {
                Item::Module { file } | Item::MetadataObject { file, .. } => defined.add_object(&self.module(file)?)?,
                Item::AllocatorShim { file } if shim_stays => defined.add_object(&self.module(file)?)?,
                Item::WholeCrate { id } => defined.add_rlib(self.rlib(id)?)?,
                Item::CrateMetadata { id } => defined.add_object(&self.crate_metadata(id)?)?,
                Item::Crate { id } if linkage.get(id.as_str()) == Some(&Linkage::Static) => defined.add_rlib(self.rlib(id)?)?,
                Item::SysrootCrate { target, file_name } => {
                    let id = link_line::crate_of(item).unwrap_or_default();
                    // What is linked although a dylib has it inside (`compiler_builtins`) is not listed.
                    if linkage.get(id) == Some(&Linkage::Static) {
                        defined.add_rlib(&self.sysroot_crate(target, file_name)?)?;
                    }
                }
                _ => {}
            }
        }
        let mut reduced = HashMap::new();
        let dir = self.scratch.subdir("reduced")?;
        for item in &self.link.line {
            let (file, bytes) = match item {
                Item::SymbolsObject { file } => {
                    let original = fs::read(self.module(file)?).with_context(|| format!("cannot read the module `{file}`"))?;
                    (file, symbols::reduce_symbols_object(&original, |name| defined.has(name))?)
                }
                Item::VersionScript { file, .. } => {
                    let script = fs::read_to_string(self.module(file)?).with_context(|| format!("cannot read the module `{file}`"))?;
                    let mut script = symbols::reduce_version_script(&script, |name| defined.has(name.as_bytes()));
                    if let Some(own) = own {
                        script = symbols::add_to_version_script(&script, &symbols::metadata_symbol(own));
                    }
                    (file, script.into_bytes())
                }
                _ => continue,
            };
            let path = dir.join(file.replace('/', "-"));
            fs::write(&path, bytes).with_context(|| scratch::cannot_write(&path))?;
            reduced.insert(file.as_str(), path);
        }
        Ok(reduced)
    }

    /// The linker's arguments for all objects of the library crate `id`. Native libraries inside its rlib give only what is needed
    /// of them, as when rustc links the library's dylib.
    pub(crate) fn whole_crate(&self, id: &str) -> Result<Vec<String>> {
        let rlib = self.rlib(id)?;
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
        let wrap = |flag: &str| if self.is_called_as_compiler() { format!("-Wl,{flag}") } else { flag.to_owned() };
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut args = vec![wrap("--whole-archive"), text(&own), wrap("--no-whole-archive")];
        args.extend(native.map(text));
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

    /// The object with the crate's own metadata, which is the module `file`; that of a dylib with dylibs below lists its formats.
    pub(crate) fn metadata_object(&self, file: &str, formats: Option<&MetadataFormats>) -> Result<PathBuf> {
        let module = self.module(file)?;
        if self.link.crate_type != "dylib" || self.decision.of(Linkage::Dynamic).next().is_none() {
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
