//! The plan's line as this linker's arguments.

use super::import_library;
use super::line::{Line, Part};
use super::linker_call::Called;
use super::linking::Linking;
use crate::files::paths::as_argument;
use crate::plan::crate_type::CrateType;
use crate::plan::linker_flavor::{LinkerFlavor, behind_driver, linker_args};
use crate::plan::{FILE, Item, SYSROOT, run_path};
use anyhow::Result;
use std::path::Path;

/// The options of Apple's linkers for a library's own name.
const INSTALL_NAME: [&str; 2] = ["-install_name", "-dylib_install_name"];

impl Linking<'_> {
    /// Calls the linker with `line`, which makes `artifact`; its place will be `output`. Returns how
    /// it was called.
    pub(crate) fn link(&self, line: &Line<'_>, artifact: &Path, output: &Path) -> Result<Called> {
        let mut args = Vec::with_capacity(line.parts.len() + 1);
        for part in &line.parts {
            args.extend(self.arguments(part, artifact, output)?);
        }
        let run_paths = self.run_paths_to_dylibs(output, &args)?;
        args.extend(run_paths);
        args.extend(self.install_name(&args, output));
        args.extend(self.audit_data(line, output)?);
        let args = self.with_one_version_script(line, args)?;
        self.call_linker(line, args, artifact, output)
    }

    /// The linker's arguments for a part of the line.
    fn arguments(&self, part: &Part<'_>, artifact: &Path, output: &Path) -> Result<Vec<String>> {
        Ok(match part {
            Part::File(Item::WholeCrate { .. }, file) => self.whole_archive(file)?,
            Part::File(item, file) | Part::Left(item, file) => match item {
                Item::VersionScript { arg, .. } | Item::ModuleDefinition { arg, .. } | Item::BundledLibrary { arg, .. } => {
                    with_file(arg, &as_argument(file))
                }
                // For who links a staticlib.
                Item::ExportedSymbols { .. } => Vec::new(),
                Item::Module { .. }
                | Item::AllocatorShim { .. }
                | Item::SymbolsObject { .. }
                | Item::MetadataObject { .. }
                | Item::ImportLibrary { .. }
                | Item::Crate { .. }
                | Item::WholeCrate { .. }
                | Item::CrateMetadata { .. }
                | Item::SysrootCrate { .. }
                | Item::ArchivedLibrary { .. }
                | Item::NativeLibrary { .. }
                | Item::SearchPath { .. }
                | Item::RunPath { .. }
                | Item::Output
                | Item::OutputImportLibrary { .. }
                | Item::TargetFlag { .. }
                | Item::Passthrough { .. } => vec![as_argument(file)],
            },
            Part::Objects(objects) => objects.iter().map(|object| as_argument(object)).collect(),
            Part::Dylib(file) => vec![as_argument(file)],
            Part::Argument(_, arg, _) => filled_in(arg, |part| self.resolved(part))?,
            Part::SearchPath(dir) => vec!["-L".to_owned(), as_argument(Path::new(&self.resolved(dir)?))],
            Part::RunPath(arg) => filled_in(arg, |part| self.run_path(part, output))?,
            Part::Output => vec!["-o".to_owned(), as_argument(artifact)],
            Part::OutputImportLibrary(arg) => with_file(arg, &as_argument(&import_library::beside(artifact))),
            Part::Hint { is_static } => vec![self.link.linker_flavor().flag(if *is_static { "-Bstatic" } else { "-Bdynamic" })],
        })
    }

    /// The linker's arguments for the name by which programs ask for a Mach-O library at `output`,
    /// where none of `args` says it. For linkers it is the path that they write to, which is another
    /// one here.
    fn install_name(&self, args: &[String], output: &Path) -> Vec<String> {
        let is_said = || args.iter().flat_map(|arg| linker_args(arg)).any(|arg| INSTALL_NAME.contains(&arg));
        if self.link.crate_type != CrateType::Cdylib || !self.link.is_for_macos() || is_said() {
            return Vec::new();
        }
        let (option, output) = (INSTALL_NAME[0], as_argument(output));
        match self.link.linker_flavor() {
            LinkerFlavor::Driver => with_file(&LinkerFlavor::Driver.flag(&format!("{option},{FILE}")), &output),
            LinkerFlavor::Linker => vec![option.to_owned(), output],
        }
    }

    /// The run path `arg` for an artifact at `output`.
    fn run_path(&self, arg: &str, output: &Path) -> Result<String> {
        let to = output.parent().unwrap_or(Path::new(""));
        let arg = match &self.link.output_dir {
            Some(from) => run_path::rebase(arg, Path::new(from), to),
            None => arg.to_owned(),
        };
        // The loader knows no working folder: what is relative to it here must be relative to the
        // artifact there.
        if arg.contains(SYSROOT) { Ok(arg.replace(SYSROOT, &run_path::from_origin(self.sysroot()?, to))) } else { Ok(arg) }
    }
}

/// The linker's arguments for `arg`, one of a plan, each part of which `fill` fills in. A compiler
/// driver takes commas behind `-Wl,` for the ends of arguments; where a path has one, the driver is
/// given each argument by itself.
fn filled_in(arg: &str, fill: impl Fn(&str) -> Result<String>) -> Result<Vec<String>> {
    let Some(parts) = behind_driver(arg) else { return Ok(vec![fill(arg)?]) };
    let parts: Vec<String> = parts.map(fill).collect::<Result<_>>()?;
    if parts.iter().any(|part| part.contains(',')) {
        return Ok(parts.into_iter().flat_map(|part| ["-Xlinker".to_owned(), part]).collect());
    }
    Ok(vec![LinkerFlavor::Driver.flag(&parts.join(","))])
}

/// [`filled_in`] with `file` for the item's own file.
pub(crate) fn with_file(arg: &str, file: &str) -> Vec<String> {
    filled_in(arg, |part| Ok(part.replace(FILE, file))).expect("nothing of it can fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_paths() {
        let table: &[(&str, &str, &[&str])] = &[
            ("-Wl,--version-script={file}", "m/list", &["-Wl,--version-script=m/list"]),
            ("-Wl,--version-script={file}", "a,b/list", &["-Xlinker", "--version-script=a,b/list"]),
            ("--version-script={file}", "a,b/list", &["--version-script=a,b/list"]),
            ("-Wl,{file}", "a,b/libz.a", &["-Xlinker", "a,b/libz.a"]),
            ("{file}", "a,b/libz.a", &["a,b/libz.a"]),
            ("-Wl,-rpath,{file},-z,origin", "a,b", &["-Xlinker", "-rpath", "-Xlinker", "a,b", "-Xlinker", "-z", "-Xlinker", "origin"]),
            ("-Wl,-z,relro,-z,now", "a,b", &["-Wl,-z,relro,-z,now"]),
        ];
        for (arg, file, expected) in table {
            assert_eq!(with_file(arg, file), *expected, "{arg} with {file}");
        }
    }
}
