//! `dlltool`, which rustc has make the import libraries of `raw-dylib` for MinGW.
//!
//! It names symbols after the path that it is told to write to, and rustc tells it one in a folder
//! of a random name. So this program stands in front of it and runs it in that folder, with names
//! for paths: the library's bytes then depend on nothing but what is imported.

use crate::files::{link_to_self, scratch};
use crate::rustc::args::RustcArgs;
use crate::rustc::command::{ChildFailed, cannot_start};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

/// The folder, in the scratch folder, of the link by which rustc calls this program as `dlltool`,
/// and the link's name.
const FOLDER: &str = "dlltool";

/// The file beside it that says which `dlltool` is meant.
const PROGRAM: &str = "program";

/// Has rustc call this program, by a link in the scratch folder `dir`, where `args` are for MinGW.
///
/// # Errors
/// If the link cannot be made.
pub(crate) fn stand_in_front(args: &mut RustcArgs, dir: &Path) -> Result<()> {
    let Some(default) = args.values("target").next_back().and_then(default_program) else { return Ok(()) };
    let program = args.codegen("dlltool").unwrap_or(default).to_owned();
    let link = link_to_self::make(dir, FOLDER, FOLDER)?;
    let file = link.with_file_name(PROGRAM);
    fs::write(&file, program).with_context(|| scratch::cannot_write(&file))?;
    args.remove_codegen("dlltool", |_| true);
    args.push("codegen", format!("dlltool={}", absolute(&link)?.display()));
    Ok(())
}

/// The `dlltool` that rustc calls for `target` when it is told none
/// (`rustc_codegen_ssa::back::archive::find_binutils_dlltool`, 1.95), if it calls one.
fn default_program(target: &str) -> Option<&'static str> {
    let (architecture, rest) = target.split_once('-')?;
    let program = match architecture {
        "x86_64" => "x86_64-w64-mingw32-dlltool",
        "i686" => "i686-w64-mingw32-dlltool",
        "aarch64" => "aarch64-w64-mingw32-dlltool",
        _ => "dlltool",
    };
    rest.ends_with("windows-gnu").then_some(program)
}

/// The `dlltool` that is meant where this program was called as `program`, which is the link of
/// [`stand_in_front`].
pub(crate) fn meant_by(program: &Path) -> Option<String> {
    let scratch = link_to_self::scratch_of(program, FOLDER)?;
    fs::read_to_string(scratch.join(FOLDER).join(PROGRAM)).ok()
}

/// Runs `program`, a `dlltool`, with `args` in the folder of the library that it makes.
///
/// # Errors
/// That it cannot be started; its own.
pub(crate) fn run(program: &str, args: &[String]) -> Result<()> {
    let library = args.iter().position(|arg| arg == "-l").and_then(|at| args.get(at + 1));
    let folder = library.and_then(|library| Path::new(library).parent()).unwrap_or(Path::new(""));
    let mut command = Command::new(if program.contains('/') { absolute(program)? } else { PathBuf::from(program) });
    command.args(args.iter().map(|arg| within(arg, folder)));
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    let status = command.status().with_context(|| cannot_start("the tool for `raw-dylib`", program))?;
    if status.success() { Ok(()) } else { Err(ChildFailed::from_status(status).into()) }
}

/// The argument `arg` for who is in `folder`.
fn within<'a>(arg: &'a str, folder: &Path) -> &'a str {
    let name = Path::new(arg).strip_prefix(folder).ok().and_then(Path::to_str);
    name.filter(|name| !name.is_empty()).unwrap_or(arg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_one() {
        let table = [
            ("x86_64-pc-windows-gnu", Some("x86_64-w64-mingw32-dlltool")),
            ("i686-pc-windows-gnu", Some("i686-w64-mingw32-dlltool")),
            ("x86_64-pc-windows-msvc", None),
            ("x86_64-pc-windows-gnullvm", None),
            ("x86_64-unknown-linux-gnu", None),
        ];
        for (target, expected) in table {
            assert_eq!(default_program(target), expected, "{target}");
        }
    }

    #[test]
    fn names_for_paths() {
        let folder = Path::new("/w/s/rustcAbCdEf");
        for (arg, expected) in [("/w/s/rustcAbCdEf/a.dll_imports.lib", "a.dll_imports.lib"), ("-m", "-m"), ("a.dll", "a.dll")] {
            assert_eq!(within(arg, folder), expected);
        }
        assert_eq!(within("x.lib", Path::new("")), "x.lib");
    }
}
