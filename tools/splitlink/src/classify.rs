//! What each argument of rustc's linker call is: a captured call becomes the typed, path-free line of a link plan.

use crate::archive;
use crate::capture::{self, Invocation, Temporary};
use crate::crates;
use crate::plan::{FILE, Item, MODULES, SYSROOT};
use crate::run_path;
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
    pub crate_type: &'a str,
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
}

/// A classified call.
#[derive(Debug, Default)]
pub struct Line {
    /// The line of the plan.
    pub items: Vec<Item>,
    /// The files to keep: name in the folder of modules → where the capture has it.
    pub files: BTreeMap<String, PathBuf>,
}

impl Line {
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
/// If an argument names a temporary file of rustc's that has no meaning here: dropping it would lose a part of the program.
pub fn classify(call: &Invocation, context: &Context<'_>) -> Result<Line> {
    let mut line = Line::default();
    let user = users_own(&call.args, &context.link_args);
    let mut args = call.args.iter().map(String::as_str).enumerate();
    while let Some((at, arg)) = args.next() {
        let item = match arg {
            _ if user.contains(&at) => {
                let arg = portable(arg, context)?;
                Some(if run_path::is_run_path(&arg) { Item::RunPath { arg } } else { Item::Passthrough { arg } })
            }
            "-o" => {
                args.next();
                Some(Item::Output)
            }
            _ if arg.starts_with("-L") => {
                let dir = arg.strip_prefix("-L").filter(|dir| !dir.is_empty());
                let dir = dir.or_else(|| args.next().map(|(_, dir)| dir)).unwrap_or_default();
                search_path(dir, call, context, &mut line)?
            }
            _ => Some(item(arg, call, context, &mut line)?),
        };
        line.items.extend(item);
    }
    Ok(line)
}

/// Where in `args` the user's own are: rustc hands them on as one block, behind nearly all that it gives itself.
fn users_own(args: &[String], own: &[String]) -> Range<usize> {
    let start = if own.is_empty() { None } else { args.windows(own.len()).rposition(|window| window == own) };
    start.map_or(0..0, |start| start..start + own.len())
}

fn item(arg: &str, call: &Invocation, context: &Context<'_>, line: &mut Line) -> Result<Item> {
    let path = capture::path_in(arg);
    // Unpacked from an rlib, which is hollow here; rustc puts such libraries right behind their crate.
    if context.temporary.holds(path)
        && path.ends_with(".a")
        && let Some(Item::Crate { id }) = line.items.iter().rev().find(|item| matches!(item, Item::Crate { .. }))
    {
        return Ok(Item::BundledLibrary { id: id.clone(), member: file_name(path), arg: arg.replace(path, FILE) });
    }
    if let Some(saved) = call.saved.get(path) {
        return module(arg, path, saved, context, line);
    }
    if let Some(id) = crate_in_deps(path, context) {
        return Ok(Item::Crate { id });
    }
    if let Some((_, target, file_name)) = sysroot_rlib(path) {
        return Ok(Item::SysrootCrate { target, file_name });
    }
    if context.temporary.holds(path) {
        return Err(unknown(arg, context));
    }
    if arg.starts_with("-l") {
        return Ok(Item::NativeLibrary { arg: arg.to_owned() });
    }
    if run_path::is_run_path(arg) {
        // rustc's own (`-Crpath`) begins at the folder that it was made to write to.
        return Ok(Item::RunPath { arg: run_path::rebase(&portable(arg, context)?, context.out, context.output_dir) });
    }
    Ok(Item::TargetFlag { arg: portable(arg, context)? })
}

/// One of rustc's temporary files, told by its name (`rustc_codegen_ssa::back::link`, 1.95).
fn module(arg: &str, path: &str, saved: &Path, context: &Context<'_>, line: &mut Line) -> Result<Item> {
    let name = file_name(path);
    let crate_type = context.crate_type;
    Ok(match name.as_str() {
        "symbols.o" => Item::SymbolsObject { file: line.keep(format!("{crate_type}/symbols.o"), saved)? },
        "rmeta.o" => Item::MetadataObject { file: line.keep(format!("{crate_type}/rmeta.o"), saved)?, formats: None },
        "list" => Item::VersionScript { file: line.keep(format!("{crate_type}/list"), saved)?, arg: arg.replace(path, FILE) },
        _ => match module_name(&name) {
            Some(Module::CodegenUnit(unit)) => Item::Module { file: line.keep(format!("{unit}.o"), saved)? },
            Some(Module::AllocatorShim) => Item::AllocatorShim { file: line.keep("allocator_shim.o".into(), saved)? },
            None => return Err(unknown(arg, context)),
        },
    })
}

/// What a file named `….rcgu.o` holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Module {
    /// A codegen unit, by its name.
    CodegenUnit(String),
    /// The allocator shim.
    AllocatorShim,
}

/// What rustc's object file `name` holds. Codegen units are named `<crate>.<hash>-cgu.<number>` (`CodegenUnitNameBuilder`,
/// 1.95); the one other module that reaches the linker is the allocator shim, whose name is a bare hash.
pub fn module_name(name: &str) -> Option<Module> {
    let stem = name.strip_suffix(".rcgu.o")?;
    let Some((before, after)) = stem.rsplit_once("-cgu.") else {
        return Some(Module::AllocatorShim);
    };
    let number: String = after.chars().take_while(char::is_ascii_digit).collect();
    // `before` is `<output stem>.<crate>.<hash>`; the output's name may have dots of its own.
    let mut parts = before.rsplit('.');
    let hash = parts.next()?;
    let crate_name = parts.next()?;
    Some(Module::CodegenUnit(format!("{crate_name}.{hash}-cgu.{number}")))
}

fn search_path(dir: &str, call: &Invocation, context: &Context<'_>, line: &mut Line) -> Result<Option<Item>> {
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
    Ok(Some(Item::SearchPath { dir: portable(dir, context)? }))
}

fn crate_in_deps(path: &str, context: &Context<'_>) -> Option<String> {
    let path = Path::new(path);
    let ours = context.deps.iter().any(|deps| path.parent() == Some(deps));
    if ours { crates::identity(path).ok() } else { None }
}

/// The sysroot, target and file name of the path of one of the sysroot's rlibs.
pub fn sysroot_rlib(path: &str) -> Option<(&str, String, String)> {
    let (sysroot, rest) = path.split_once("/lib/rustlib/")?;
    let (target, file) = rest.split_once("/lib/")?;
    let is_rlib = file.starts_with("lib") && file.ends_with(".rlib") && !file.contains('/') && !target.contains('/');
    is_rlib.then(|| (sysroot, target.to_owned(), file.to_owned()))
}

/// `arg` without any path of this machine: the working folder's own are relative, the sysroot's begin with `{sysroot}`.
fn portable(arg: &str, context: &Context<'_>) -> Result<String> {
    if context.temporary.is_named_in(arg) {
        return Err(unknown(arg, context));
    }
    let mut arg = arg.to_owned();
    if let Some(end) = arg.find("/lib/rustlib/") {
        // The path begins at the argument's beginning or behind `-B`, `=` or `,`.
        let absolute = ["=/", ",/"].iter().filter_map(|start| arg[..end].find(start)).min();
        let start = match absolute.or_else(|| arg[..end].rfind(['=', ','])) {
            _ if !arg.starts_with('-') => 0,
            Some(at) => at + 1,
            None => 2,
        };
        if start <= end {
            arg.replace_range(start..end, SYSROOT);
        }
    }
    let cwd = context.cwd.to_string_lossy();
    if arg == *cwd {
        return Ok(".".to_owned());
    }
    Ok(arg.replace(&format!("{cwd}/"), ""))
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

    fn classified(args: &[&str], saved: &[&str]) -> Result<Line> {
        let call = Invocation {
            args: args.iter().map(|&a| a.to_owned()).collect(),
            saved: saved.iter().map(|&path| (path.to_owned(), PathBuf::from(format!("saved/{}", file_name(path))))).collect(),
        };
        let context = Context {
            crate_name: "app",
            crate_type: "bin",
            deps: &["p.scratch/deps".into(), "/w/p.scratch/deps".into()],
            temporary: &Temporary::at("/w", "/w/p.scratch", "/t"),
            cwd: Path::new("/w"),
            out: Path::new("s/out"),
            output_dir: Path::new("bin"),
            link_args: vec!["-Wl,-rpath,$ORIGIN/a".into(), "x.o".into()],
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
            (&["-B/r/lib/rustlib/t/bin/gcc-ld"], Some(Item::TargetFlag { arg: "-B{sysroot}/lib/rustlib/t/bin/gcc-ld".into() })),
            (&["-L", "/r/lib/rustlib/t/lib"], Some(Item::SearchPath { dir: "{sysroot}/lib/rustlib/t/lib".into() })),
            (&["-L", "/w/out/native"], Some(Item::SearchPath { dir: "out/native".into() })),
            (&["-L", "/w/p.scratch/out/rustcAbCdEf/raw-dylibs"], None),
            (&["-o", "/w/p.scratch/out/app"], Some(Item::Output)),
            (&["-Wl,-rpath,$ORIGIN/a", "x.o"], Some(Item::RunPath { arg: "-Wl,-rpath,$ORIGIN/a".into() })),
            (&["-Wl,-rpath,$ORIGIN/../../lib"], Some(Item::RunPath { arg: "-Wl,-rpath,$ORIGIN/../lib".into() })),
            (&["-Wl,-rpath,$ORIGIN/../r/lib/rustlib/t/lib"], Some(Item::RunPath { arg: "-Wl,-rpath,{sysroot}/lib/rustlib/t/lib".into() })),
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
        ];
        let line = classified(&[files[0], files[1], files[2], "-Wl,--version-script=/t/rustcAbCdEf/list"], &files).unwrap();
        assert_eq!(
            line.items,
            [
                Item::SymbolsObject { file: "bin/symbols.o".into() },
                Item::Module { file: "app.f19-cgu.0.o".into() },
                Item::AllocatorShim { file: "allocator_shim.o".into() },
                Item::VersionScript { file: "bin/list".into(), arg: "-Wl,--version-script={file}".into() },
            ]
        );
        assert_eq!(line.files["bin/list"], Path::new("saved/list"));
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
        // Unpacked or not: a stand-in for a staticlib's sake is as hollow as nothing.
        for saved in [&[][..], &["/t/rustcAbCdEf/libz.a"]] {
            let line = classified(&args, saved).unwrap();
            let expected = Item::BundledLibrary { id: "sys-1".into(), member: "libz.a".into(), arg: "-Wl,{file}".into() };
            assert_eq!(line.items[2], expected);
            assert!(line.files.is_empty());
        }
    }
}
