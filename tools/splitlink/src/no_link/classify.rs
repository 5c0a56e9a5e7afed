//! What each argument of rustc's linker call is: a captured call becomes the typed, path-free line
//! of a link plan.

use crate::files::archive;
use crate::files::bundled;
use crate::files::crates;
use crate::no_link::capture::{self, Invocation, Temporary};
use crate::no_link::module_name::{Module, module_name};
use crate::no_link::portable::{Folders, Portable, folders_of_run_paths};
use crate::plan::crate_type::CrateType;
use crate::plan::linker_flavor::{LinkerFlavor, linker_args};
use crate::plan::run_path;
use crate::plan::{FILE, Item, MODULES};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What is known of a call besides its arguments.
#[derive(Debug)]
pub struct Context<'a> {
    /// The name of the crate that is linked, for messages.
    pub crate_name: &'a str,
    /// The crate type that the call is for.
    pub crate_type: CrateType,
    /// The folder where our hollow rlibs are, as rustc may spell it.
    pub deps: &'a [PathBuf],
    /// Where rustc's temporary files and ours are; none of them may be left in a plan.
    pub temporary: &'a Temporary,
    /// The working folder; paths in it become relative.
    pub cwd: &'a Path,
    /// The folder, relative to the working folder, that rustc was made to write to.
    pub out: &'a Path,
    /// The folder, relative to the working folder, that rustc was asked to write to.
    pub output_dir: &'a Path,
    /// The user's own linker arguments, in order.
    pub link_args: Vec<String>,
    /// The user's own folders of libraries (`-L`), which rustc has the linker search.
    pub library_paths: Vec<String>,
    /// The command's own `--sysroot`.
    pub sysroot: Option<&'a str>,
    /// The folders of shared libraries to which run paths lead that the build system gave. Such a
    /// run path is for an artifact in `output_dir`, and any other of the user's is for where the
    /// artifact is in the end.
    pub run_path_dirs: &'a [PathBuf],
    /// Which of the call's arguments is the allocator shim, if one is.
    pub allocator_shim: Option<&'a str>,
}

/// How the name ends of an import library that rustc makes for `raw-dylib`
/// (`rustc_codegen_ssa::back::link::raw_dylib`, 1.95).
const IMPORTS: &str = "_imports.lib";

/// The linker's option that names the import library to write.
const OUTPUT_IMPORT_LIBRARY: &str = "--out-implib=";

/// A classified call.
#[derive(Debug, Default)]
pub struct Line {
    /// The line of the plan.
    pub items: Vec<Item>,
    /// The files to keep: name in the folder of modules → where the capture has it.
    pub files: BTreeMap<String, PathBuf>,
}

impl Line {
    /// Adds the file `from` as the module `name`, and returns that name.
    pub(crate) fn add(&mut self, name: String, from: PathBuf) -> String {
        self.files.insert(name.clone(), from);
        name
    }

    fn keep(&mut self, name: String, from: &Path) -> Result<String> {
        if let Some(other) = self.files.insert(name.clone(), from.to_owned())
            && other != from
        {
            bail!("rustc gave the linker two modules named `{name}`\n  help: this splitlink does not know this rustc's names for modules");
        }
        Ok(name)
    }
}

/// Makes the line of a plan out of a captured call.
///
/// # Errors
/// If an argument names a temporary file of rustc's that has no meaning here: dropping it would
/// lose a part of the program.
pub fn classify(call: &Invocation, context: &Context<'_>) -> Result<Line> {
    let mut line = Line::default();
    let own = users_own(&call.args, &context.link_args);
    let folders = Folders::new(context.cwd, context.sysroot, &context.library_paths, call, &own);
    let rustcs_own = call.args.iter().enumerate().filter(|(at, _)| !own.contains(at)).map(|(_, arg)| arg.as_str());
    let flavor = LinkerFlavor::of_args(rustcs_own);
    let call = Call { call, context, folders: &folders, flavor };
    let mut of_user = Portable::new(&folders, flavor);
    let mut args = call.call.args.iter().map(String::as_str).enumerate();
    while let Some((at, arg)) = args.next() {
        let item = match arg {
            _ if own.contains(&at) => Some(call.of_user(arg, &mut of_user)?),
            "-o" => {
                args.next();
                Some(Item::Output)
            }
            // How rustc gives the linker an argument that has a comma
            // (`convert_link_args_to_cc_args`, 1.95): it may be in the path of a temporary file
            // only, which is no part of a plan.
            "-Xlinker" => {
                let (_, arg) = args.next().unwrap_or_default();
                let joined = call.item(&format!("-Wl,{arg}"), &mut line)?;
                match joined {
                    Item::TargetFlag { .. } | Item::RunPath { .. } => {
                        line.items.push(Item::TargetFlag { arg: "-Xlinker".to_owned() });
                        Some(call.item(arg, &mut line)?)
                    }
                    joined => Some(joined),
                }
            }
            // So rustc calls the WebAssembly linker.
            "-l" => Some(Item::NativeLibrary { arg: format!("-l{}", args.next().map_or("", |(_, name)| name)) }),
            _ if arg.starts_with("-L") => {
                let dir = arg.strip_prefix("-L").filter(|dir| !dir.is_empty());
                let dir = dir.or_else(|| args.next().map(|(_, dir)| dir)).unwrap_or_default();
                call.search_path(dir, &mut line)?
            }
            _ => Some(call.item(arg, &mut line)?),
        };
        line.items.extend(item);
    }
    Ok(line)
}

/// Where in `args` the user's own are: rustc hands them on as one block, behind nearly all that it
/// gives itself.
fn users_own(args: &[String], own: &[String]) -> Range<usize> {
    let start = if own.is_empty() { None } else { args.windows(own.len()).rposition(|window| window == own) };
    start.map_or(0..0, |start| start..start + own.len())
}

/// A call, and what is known of it.
struct Call<'a> {
    call: &'a Invocation,
    context: &'a Context<'a>,
    folders: &'a Folders,
    flavor: LinkerFlavor,
}

impl Call<'_> {
    /// The user's own argument `arg`, after those that `portable` was given.
    fn of_user(&self, arg: &str, portable: &mut Portable<'_>) -> Result<Item> {
        self.no_temporary(arg)?;
        if run_path::is_run_path(arg) {
            let dirs = self.context.run_path_dirs;
            let leads_to_one = |folder: &PathBuf| dirs.iter().any(|dir| run_path::folder(dir, "") == *folder);
            if folders_of_run_paths(arg, self.context.output_dir).iter().all(leads_to_one) {
                return Ok(Item::RunPath { arg: arg.to_owned() });
            }
        }
        Ok(Item::Passthrough { arg: portable.arg(arg) })
    }

    fn item(&self, arg: &str, line: &mut Line) -> Result<Item> {
        let Self { call, context, .. } = self;
        let path = capture::path_in(arg);
        if let Some(item) = self.bundled_library(arg, path, line) {
            return Ok(item);
        }
        if let Some(saved) = call.saved.get(path) {
            return module(arg, path, saved, context, line);
        }
        if let Some(id) = crate_in_deps(path, context) {
            return Ok(Item::Crate { id });
        }
        if let Some((target, file_name)) = self.folders.sysroot_rlib(path) {
            return Ok(Item::SysrootCrate { target, file_name });
        }
        if linker_args(arg).any(|own| own.starts_with(OUTPUT_IMPORT_LIBRARY)) {
            return Ok(Item::OutputImportLibrary { arg: arg.replace(path, FILE) });
        }
        if context.temporary.holds(path) {
            return Err(unknown(arg, context));
        }
        if arg.starts_with("-l") {
            return Ok(Item::NativeLibrary { arg: arg.to_owned() });
        }
        self.no_temporary(arg)?;
        if run_path::is_run_path(arg) {
            // rustc's own (`-Crpath`) begins at the folder that it was made to write to.
            return Ok(Item::RunPath { arg: self.folders.rustcs_run_path(arg, context.out, context.output_dir) });
        }
        Ok(Item::TargetFlag { arg: self.portable(arg) })
    }

    /// The native library that a crate carries inside, if `arg`, which names `path`, stands for one.
    /// rustc unpacks them from the rlibs, which are hollow here, into its folder of temporary files,
    /// and puts them right behind their crate (`add_native_libs_from_crate`, 1.95). Where a
    /// placeholder is inside, that is what is unpacked, else nothing.
    fn bundled_library(&self, arg: &str, path: &str, line: &Line) -> Option<Item> {
        let is_whole = arg == path || arg.strip_prefix("-Wl,") == Some(path);
        let is_hollow = match self.call.saved.get(path) {
            Some(saved) => bundled::is_unpacked_placeholder(saved),
            None => self.context.temporary.is_in_folder_of_a_link(path),
        };
        let before = line.items.iter().rev().find(|item| matches!(item, Item::Crate { .. } | Item::SysrootCrate { .. }))?;
        let Item::Crate { id } = before else { return None };
        (is_whole && is_hollow).then(|| Item::BundledLibrary { id: id.clone(), member: file_name(path), arg: arg.replace(path, FILE) })
    }

    fn search_path(&self, dir: &str, line: &mut Line) -> Result<Option<Item>> {
        let Self { call, context, .. } = self;
        if context.temporary.holds(dir) {
            if !Path::new(dir).ends_with("raw-dylibs") {
                return Err(unknown(dir, context));
            }
            // rustc names its folder of import libraries whether or not there are any.
            let inside: Vec<_> = call.saved.iter().filter(|(path, _)| Path::new(path).parent() == Some(Path::new(dir))).collect();
            if inside.is_empty() {
                return Ok(None);
            }
            let folder = format!("{}/raw-dylibs", context.crate_type);
            for (path, saved) in inside {
                line.keep(format!("{folder}/{}", file_name(path)), saved)?;
            }
            return Ok(Some(Item::SearchPath { dir: format!("{MODULES}/{folder}") }));
        }
        if context.temporary.is_named_in(dir) {
            return Ok(None);
        }
        Ok(Some(Item::SearchPath { dir: self.portable(dir) }))
    }

    /// `arg`, which stands by itself, without the folders of this machine.
    fn portable(&self, arg: &str) -> String {
        Portable::new(self.folders, self.flavor).arg(arg)
    }

    /// That `arg` names none of rustc's temporary files.
    fn no_temporary(&self, arg: &str) -> Result<()> {
        if self.context.temporary.is_named_in(arg) {
            return Err(unknown(arg, self.context));
        }
        Ok(())
    }
}

/// One of rustc's temporary files, told by its name (`rustc_codegen_ssa::back::link`, 1.95).
fn module(arg: &str, path: &str, saved: &Path, context: &Context<'_>, line: &mut Line) -> Result<Item> {
    let name = file_name(path);
    let crate_type = context.crate_type;
    Ok(match name.as_str() {
        "symbols.o" => Item::SymbolsObject { file: line.keep(format!("{crate_type}/symbols.o"), saved)? },
        "rmeta.o" => Item::MetadataObject { file: line.keep(format!("{crate_type}/rmeta.o"), saved)?, formats: None },
        "list.def" => Item::ModuleDefinition { file: line.keep(format!("{crate_type}/list.def"), saved)?, arg: arg.replace(path, FILE) },
        _ if name.ends_with(IMPORTS) => Item::ImportLibrary { file: line.keep(format!("{crate_type}/{name}"), saved)? },
        "list" => Item::VersionScript { file: line.keep(format!("{crate_type}/list"), saved)?, arg: arg.replace(path, FILE) },
        // So in 1.85.
        _ if name.ends_with(".rcgu.rmeta") => {
            Item::MetadataObject { file: line.keep(format!("{crate_type}/rmeta.o"), saved)?, formats: None }
        }
        _ => match module_name(&name) {
            Some(Module::Hashed(_)) if context.allocator_shim == Some(path) => {
                Item::AllocatorShim { file: line.keep("allocator_shim.o".into(), saved)? }
            }
            Some(Module::CodegenUnit(unit) | Module::Hashed(unit)) => Item::Module { file: line.keep(format!("{unit}.o"), saved)? },
            None => return Err(unknown(arg, context)),
        },
    })
}

fn crate_in_deps(path: &str, context: &Context<'_>) -> Option<String> {
    let path = Path::new(path);
    let ours = context.deps.iter().any(|deps| path.parent() == Some(deps));
    if ours { crates::identity(path).ok() } else { None }
}

fn unknown(arg: &str, context: &Context<'_>) -> anyhow::Error {
    anyhow::anyhow!(
        "rustc's linker call for the {} `{}` has the argument `{arg}`, a temporary file that this splitlink does not know\n  \
         help: without it the program would not be whole, so nothing was written; a newer splitlink may know it, else please report it with `rustc -vV`",
        context.crate_type,
        context.crate_name
    )
}

fn file_name(path: &str) -> String {
    archive::file_name(Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::no_link::module_name;

    fn classified(args: &[&str], saved: &[&str]) -> Result<Line> {
        let call = Invocation {
            args: args.iter().map(|&a| a.to_owned()).collect(),
            saved: saved.iter().map(|&path| (path.to_owned(), PathBuf::from(format!("saved/{}", file_name(path))))).collect(),
            sdk_root: None,
        };
        let context = Context {
            crate_name: "app",
            crate_type: CrateType::Bin,
            deps: &["p.scratch/deps".into(), "/w/p.scratch/deps".into()],
            temporary: &Temporary::at("/w", "/w/p.scratch", "/t"),
            cwd: Path::new("/w"),
            out: Path::new("s/out"),
            output_dir: Path::new("bin"),
            link_args: vec!["-Wl,-rpath,$ORIGIN/a".into(), "x.o".into()],
            library_paths: Vec::new(),
            sysroot: Some("/r"),
            run_path_dirs: &[],
            allocator_shim: module_name::allocator_shim(&call, false),
        };
        classify(&call, &context)
    }

    #[test]
    fn every_kind_of_argument() {
        let table: &[(&[&str], Option<Item>)] = &[
            (&["-m64"], Some(Item::TargetFlag { arg: "-m64".into() })),
            (&["/w/p.scratch/deps/libdep-1.rlib"], Some(Item::Crate { id: "dep-1".into() })),
            (
                &["/r/lib/rustlib/x86_64-unknown-linux-gnu/lib/libstd-9.rlib"],
                Some(Item::SysrootCrate { target: "x86_64-unknown-linux-gnu".into(), file_name: "libstd-9.rlib".into() }),
            ),
            (&["-lgcc_s"], Some(Item::NativeLibrary { arg: "-lgcc_s".into() })),
            (&["-l", "c"], Some(Item::NativeLibrary { arg: "-lc".into() })),
            (&["-B/r/lib/rustlib/t/bin/gcc-ld"], Some(Item::TargetFlag { arg: "-B{sysroot}/lib/rustlib/t/bin/gcc-ld".into() })),
            (&["-L", "/r/lib/rustlib/t/lib"], Some(Item::SearchPath { dir: "{sysroot}/lib/rustlib/t/lib".into() })),
            (&["-L", "/w/out/native"], Some(Item::SearchPath { dir: "out/native".into() })),
            (&["/w/-out/x.o"], Some(Item::TargetFlag { arg: "./-out/x.o".into() })),
            (&["/w/out/libx.so"], Some(Item::TargetFlag { arg: "{cwd}/out/libx.so".into() })),
            (&["-Wl,-T,/w/@out/script"], Some(Item::TargetFlag { arg: "-Wl,-T,./@out/script".into() })),
            (&["-L", "/w/p.scratch/out/rustcAbCdEf/raw-dylibs"], None),
            (&["-o", "/w/p.scratch/out/app"], Some(Item::Output)),
            (&["-Wl,-rpath,$ORIGIN/a", "x.o"], Some(Item::Passthrough { arg: "-Wl,-rpath,$ORIGIN/a".into() })),
            (&["-Wl,-rpath,$ORIGIN/../../lib"], Some(Item::RunPath { arg: "-Wl,-rpath,$ORIGIN/../lib".into() })),
            (
                &["-Wl,-rpath,$ORIGIN/../../../r/lib/rustlib/t/lib"],
                Some(Item::RunPath { arg: "-Wl,-rpath,{sysroot}/lib/rustlib/t/lib".into() }),
            ),
            (&["@objects"], Some(Item::TargetFlag { arg: "@objects".into() })),
        ];
        for (args, expected) in table {
            let line = classified(args, &[]).unwrap();
            assert_eq!(line.items.first(), expected.as_ref(), "{args:?}");
        }
    }

    #[test]
    fn temporary_files_by_name() {
        let files = [
            "p.scratch/out/rustcAbCdEf/symbols.o",
            "p.scratch/out/app.app.f19-cgu.0.rcgu.o",
            "/w/p.scratch/out/app.ej3brd.rcgu.o",
            "/t/rustcAbCdEf/list",
            "/w/p.scratch/out/app.app-1.rcgu.rmeta",
        ];
        let line = classified(&[files[0], files[1], files[2], "-Wl,--version-script=/t/rustcAbCdEf/list", files[4]], &files).unwrap();
        assert_eq!(
            line.items,
            [
                Item::SymbolsObject { file: "bin/symbols.o".into() },
                Item::Module { file: "app.f19-cgu.0.o".into() },
                Item::AllocatorShim { file: "allocator_shim.o".into() },
                Item::VersionScript { file: "bin/list".into(), arg: "-Wl,--version-script={file}".into() },
                Item::MetadataObject { file: "bin/rmeta.o".into(), formats: None },
            ]
        );
        assert_eq!(line.files["bin/list"], Path::new("saved/list"));
    }

    #[test]
    fn what_only_dlls_have() {
        let files = ["/w/p.scratch/out/rustcAbCdEf/list.def", "/w/p.scratch/out/rustcAbCdEf/kernel32.dll_imports.lib"];
        let definition = format!("-Wl,{}", files[0]);
        let line = classified(&[&definition, files[1], "-o", "p.scratch/out/a.dll", "-Wl,--out-implib=p.scratch/out/liba.dll.a"], &files);
        assert_eq!(
            line.unwrap().items,
            [
                Item::ModuleDefinition { file: "bin/list.def".into(), arg: "-Wl,{file}".into() },
                Item::ImportLibrary { file: "bin/kernel32.dll_imports.lib".into() },
                Item::Output,
                Item::OutputImportLibrary { arg: "-Wl,--out-implib={file}".into() },
            ]
        );
        let line = classified(&["--out-implib=p.scratch/out/liba.dll.a"], &[]).unwrap();
        assert_eq!(line.items, [Item::OutputImportLibrary { arg: "--out-implib={file}".into() }]);
    }

    #[test]
    fn arguments_with_commas() {
        let list = "/w/a,b/p.scratch/out/rustcAbCdEf/list";
        let library = "/w/a,b/p.scratch/out/rustcAbCdEf/libz.a";
        let script = format!("--version-script={list}");
        let args = ["/w/a,b/p.scratch/deps/libsys-1.rlib", "-Xlinker", library, "-Xlinker", &script, "-Xlinker", "-soname=a,b.so"];
        let call = Invocation {
            args: args.map(str::to_owned).into(),
            saved: [(list.to_owned(), PathBuf::from("saved/list"))].into(),
            sdk_root: None,
        };
        let context = Context {
            crate_name: "app",
            crate_type: CrateType::Cdylib,
            deps: &["/w/a,b/p.scratch/deps".into()],
            temporary: &Temporary::at("/w", "/w/a,b/p.scratch", "/t"),
            cwd: Path::new("/w"),
            out: Path::new("a,b/p.scratch/out"),
            output_dir: Path::new("a,b"),
            link_args: Vec::new(),
            library_paths: Vec::new(),
            sysroot: None,
            run_path_dirs: &[],
            allocator_shim: None,
        };
        assert_eq!(
            classify(&call, &context).unwrap().items,
            [
                Item::Crate { id: "sys-1".into() },
                Item::BundledLibrary { id: "sys-1".into(), member: "libz.a".into(), arg: "-Wl,{file}".into() },
                Item::VersionScript { file: "cdylib/list".into(), arg: "-Wl,--version-script={file}".into() },
                Item::TargetFlag { arg: "-Xlinker".into() },
                Item::TargetFlag { arg: "-soname=a,b.so".into() },
            ]
        );
    }

    #[test]
    fn the_users_own_arguments() {
        // The same flag is rustc's own before; a folder to search is no item of its own here.
        let args = ["x.o", "-L", "/w/native", "-Wl,-rpath,$ORIGIN/a", "x.o", "-nodefaultlibs"];
        let line = classified(&args, &[]).unwrap();
        let kinds: Vec<_> = line.items.iter().map(|item| matches!(item, Item::Passthrough { .. } | Item::RunPath { .. })).collect();
        assert_eq!(kinds, [false, false, true, true, false]);
        let own = ["-L".to_owned(), "dir".to_owned()];
        let all: Vec<String> = ["-L", "raw", "-L", "dir", "-pie"].map(str::to_owned).into();
        assert_eq!((users_own(&all, &own), users_own(&all, &[])), (2..4, 0..0));
    }

    #[test]
    fn an_unknown_temporary_file_is_an_error() {
        for arg in ["/t/rustcAbCdEf/new.o", "-Wl,--order-file=/t/rustcAbCdEf/order", "/w/p.scratch/else"] {
            let message = classified(&[arg], &[]).unwrap_err().to_string();
            assert!(message.contains("does not know") && message.contains("`app`"), "{arg}: {message}");
        }
    }

    #[test]
    fn a_library_unpacked_from_a_crate() {
        let args = ["/w/p.scratch/deps/libsys-1.rlib", "-Wl,--whole-archive", "-Wl,/t/rustcAbCdEf/libz.a"];
        let line = classified(&args, &[]).unwrap();
        let expected = Item::BundledLibrary { id: "sys-1".into(), member: "libz.a".into(), arg: "-Wl,{file}".into() };
        assert_eq!(line.items[2], expected);
        assert!(line.files.is_empty());
        // Of any name, but not any file: as a whole argument, and nothing that rustc has written.
        let args = ["/w/p.scratch/deps/libsys-1.rlib", "/t/rustcAbCdEf/z.ext", "-Wl,--order-file=/t/rustcAbCdEf/order"];
        let expected = Item::BundledLibrary { id: "sys-1".into(), member: "z.ext".into(), arg: "{file}".into() };
        assert_eq!(classified(&args[..2], &[]).unwrap().items[1], expected);
        for (args, saved) in [(&args[..], &[][..]), (&args[..2], &[args[1]])] {
            let message = classified(args, saved).unwrap_err().to_string();
            assert!(message.contains("does not know"), "{message}");
        }
    }
}
