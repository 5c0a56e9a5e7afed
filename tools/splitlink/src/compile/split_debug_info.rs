//! `--dwo-dir`: debug information in files of its own.
//!
//! rustc writes a `.dwo` file beside each object, and leaves in the object a skeleton that names the
//! file (`rustc_codegen_llvm::debuginfo::metadata::build_compile_unit_di_node`, 1.95). Nobody who
//! links reads such files; `splitlink dwp` packs those of a program.
//!
//! A skeleton here has the file's name alone, without a folder: `dep-1.dep.<hash>-cgu.0.rcgu.dwo`. So
//! it is the same wherever, and in whatever scratch folder, the crate is compiled.

use crate::files::archive::{Archive, Builder};
use crate::files::scratch::{self, Finished};
use crate::rustc::args::RustcArgs;
use crate::rustc::target_format;
use crate::worker::channel::Resume;
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the files end in that rustc makes for codegen units.
pub(crate) const EXTENSION: &str = ".rcgu.dwo";

/// rustc's name of the option.
const OPTION: &str = "split-debuginfo";

/// How the command would have debug information split, if it would.
pub(crate) fn asked(args: &RustcArgs) -> Option<&str> {
    args.codegen(OPTION).filter(|split| matches!(*split, "packed" | "unpacked"))
}

/// What to do where a command asks for `.dwo` files that nobody takes.
pub(crate) const HELP: &str = "help: say with `--dwo-dir` where the `.dwo` files go, or use `-Csplit-debuginfo=off`, the default on Linux";

/// Where the debug information of a crate goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SplitDebugInfo<'a> {
    /// The folder; none if debug information stays in the objects.
    dir: Option<&'a Path>,
}

impl<'a> SplitDebugInfo<'a> {
    /// Has the command of `args` split debug information if it is to go to `dir`; a command that says
    /// `-Csplit-debuginfo=off` leaves `dir` empty. `is_for_lto` says that it compiles for LTO.
    ///
    /// # Errors
    /// If that is impossible.
    pub(crate) fn prepare(args: &mut RustcArgs, dir: Option<&'a Path>, is_for_lto: bool) -> Result<Self> {
        if dir.is_none() {
            return Ok(Self { dir });
        }
        let name = args.shown_crate_name();
        if is_for_lto {
            bail!(
                "the crate `{name}` is compiled for LTO, and with `--dwo-dir`: what LTO makes has other debug information\n  \
                 help: give `--dwo-dir` to `link-only` alone, which then splits it off what LTO makes"
            );
        }
        if let Some(format) = target_format::of_command(args) {
            bail!(
                "the crate `{name}` is compiled with `--dwo-dir`, and its objects are {format}: rustc writes `.dwo` files for ELF objects alone\n  \
                 help: leave out `--dwo-dir`; debug information stays where rustc puts it for this target"
            );
        }
        if let Some(kind) = args.unstable("split-dwarf-kind").filter(|kind| *kind != "split") {
            bail!(
                "the crate `{name}` is compiled with `-Zsplit-dwarf-kind={kind}`, which writes no `.dwo` files, and with `--dwo-dir`\n  \
                 help: leave out one of the two"
            );
        }
        // It says the same, and to a nightly alone.
        args.remove_unstable("split-dwarf-out-dir");
        let is_off = args.codegen(OPTION) == Some("off");
        if !is_off {
            // At the end of a link rustc would pack those of the dependencies, which need not be
            // compiled yet.
            args.remove_codegen(OPTION, |_| true);
            args.push("codegen", format!("{OPTION}=unpacked"));
        }
        Ok(Self { dir })
    }

    /// The same with the folder as an action spells it that was begun after `prepare`: its working
    /// folder may be another.
    pub(crate) fn of(self, resume: &'a Resume) -> Self {
        Self { dir: self.dir.and(resume.dwo_dir.as_deref()) }
    }

    /// Has skeletons name the `.dwo` files, which rustc writes into `made`, without that folder.
    pub(crate) fn name_in(self, args: &mut RustcArgs, made: &Path) {
        if self.dir.is_some() {
            // rustc takes the last one that fits. It splits the value at its last `=`.
            args.push("remap-path-prefix", format!("{}=", made.display()));
        }
    }

    /// Takes what rustc has written out of `made`, for `finished` to put into place.
    ///
    /// # Errors
    /// If a file cannot be moved.
    pub(crate) fn take(self, made: &Path, finished: &mut Finished) -> Result<()> {
        let Some(dir) = self.dir else { return Ok(()) };
        fs::create_dir_all(dir).with_context(|| format!("cannot make the folder of debug information `{}`", dir.display()))?;
        let kept = made.join("dwo");
        fs::create_dir_all(&kept).with_context(|| scratch::cannot_write(&kept))?;
        for name in written(made)? {
            let (file, from) = (made.join(&name), kept.join(&name));
            // Where rustc keeps the same file for its next run, who writes to this one must not do so
            // there.
            let is_kept = fs::metadata(&file).is_ok_and(|found| found.nlink() > 1);
            let taken = if is_kept { fs::copy(&file, &from).and_then(|_| fs::remove_file(&file)) } else { fs::rename(&file, &from) };
            taken.with_context(|| scratch::cannot_write(&from))?;
            finished.add(from, dir.join(&name));
        }
        Ok(())
    }

    /// The rlib `made`, or one beside it without the `.dwo` files, which rustc puts into each, too
    /// (`rustc_codegen_ssa::back::link::link_rlib`, 1.95). The crate is `crate_name`, and rustc has
    /// written its objects into `folder`.
    ///
    /// # Errors
    /// If the rlib cannot be read or written, or names that folder in a skeleton.
    pub(crate) fn without_dwo(self, made: PathBuf, crate_name: &str, folder: &Path) -> Result<PathBuf> {
        if self.dir.is_none() {
            return Ok(made);
        }
        let archive = Archive::read(&made)?;
        for member in archive.members.iter().filter(|member| member.name.ends_with(".o")) {
            check_name(archive.contents(member), crate_name, folder)?;
        }
        let without = made.with_file_name("without-dwo.rlib");
        Ok(if write_without_dwo(&archive, &without)? { without } else { made })
    }

    /// Checks that no object of `files` names the folder `folder` in a skeleton.
    ///
    /// # Errors
    /// If one does, or cannot be read.
    pub(crate) fn check<'f>(self, files: impl IntoIterator<Item = &'f PathBuf>, crate_name: &str, folder: &Path) -> Result<()> {
        if self.dir.is_none() {
            return Ok(());
        }
        for file in files.into_iter() {
            let bytes = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            check_name(&bytes, crate_name, folder)?;
        }
        Ok(())
    }
}

/// Writes the rlib `archive` to `without`, but for its `.dwo` files. Returns whether it has any; else
/// nothing is written.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write_without_dwo(archive: &Archive, without: &Path) -> Result<bool> {
    let is_dwo = |name: &str| name.ends_with(EXTENSION);
    if !archive.members.iter().any(|member| is_dwo(&member.name)) {
        return Ok(false);
    }
    let mut builder = Builder::default();
    builder.add_archive(archive, |name| !is_dwo(name));
    builder.write(without).map(|()| true)
}

/// The names of the `.dwo` files in the folder `made`, in order.
fn written(made: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(made).with_context(|| format!("cannot list `{}`", made.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        names.extend(name.to_str().filter(|name| name.ends_with(EXTENSION)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Checks that the skeleton in an object's `bytes` names the `.dwo` file without `folder`: the
/// command may have asked rustc to remap no paths in debug information (`--remap-path-scope`).
fn check_name(bytes: &[u8], crate_name: &str, folder: &Path) -> Result<()> {
    // Bitcode and objects of other formats have none.
    let Ok(object) = object::File::parse(bytes) else { return Ok(()) };
    let Some(section) = object.section_by_name(".debug_str") else { return Ok(()) };
    let strings = section.uncompressed_data()?;
    let folder = folder.to_string_lossy();
    let is_named = strings.split(|byte| *byte == 0).any(|text| {
        let end = text.len().saturating_sub(EXTENSION.len());
        &text[end..] == EXTENSION.as_bytes() && text.starts_with(folder.as_bytes())
    });
    if is_named {
        bail!(
            "debug information of the crate `{crate_name}` would name the scratch folder `{folder}`\n  \
             help: does its command have a `--remap-path-scope` without `debuginfo`? leave that out, or `--dwo-dir`"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> RustcArgs {
        RustcArgs::parse(line.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn what_rustc_is_told() {
        let dir = Some(Path::new("dwo"));
        let table = [
            ("a.rs -g", dir, "a.rs -g --codegen=split-debuginfo=unpacked --remap-path-prefix=s/out="),
            (
                "a.rs -Csplit_debuginfo=packed -g -Zsplit-dwarf-out-dir=x",
                dir,
                "a.rs -g --codegen=split-debuginfo=unpacked --remap-path-prefix=s/out=",
            ),
            ("a.rs -Csplit-debuginfo=off", dir, "a.rs --codegen=split-debuginfo=off --remap-path-prefix=s/out="),
            ("a.rs -Csplit-debuginfo=packed", None, "a.rs --codegen=split-debuginfo=packed"),
        ];
        for (line, dir, expected) in table {
            let mut args = parse(line);
            SplitDebugInfo::prepare(&mut args, dir, false).unwrap().name_in(&mut args, Path::new("s/out"));
            assert_eq!(args.into_args().join(" "), expected, "{line}");
        }
        for (line, is_for_lto, why) in [
            ("a.rs", true, "compiled for LTO"),
            ("a.rs -Zsplit-dwarf-kind=single", false, "-Zsplit-dwarf-kind=single"),
            ("a.rs --target wasm32-wasip1", false, "ELF objects alone"),
            ("a.rs --target x86_64-apple-darwin", false, "ELF objects alone"),
        ] {
            let message = SplitDebugInfo::prepare(&mut parse(line), dir, is_for_lto).unwrap_err().to_string();
            assert!(message.contains("the crate `a`") && message.contains(why), "{message}");
        }
    }

    #[test]
    fn a_scratch_folder_in_a_skeleton() {
        let object = |name: &[u8]| {
            let mut object =
                object::write::Object::new(object::BinaryFormat::Elf, object::Architecture::X86_64, object::Endianness::Little);
            let section = object.add_section(Vec::new(), b".debug_str".to_vec(), object::SectionKind::DebugString);
            object.append_section_data(section, &[b"x\0", name, b"\0"].concat(), 1);
            object.write().unwrap()
        };
        let check = |name: &[u8]| check_name(&object(name), "a", Path::new("o/a.scratch/out"));
        check(b"a.a.1-cgu.0.rcgu.dwo").unwrap();
        check(b"o/a.scratch/out/else").unwrap();
        let message = check(b"o/a.scratch/out/a.a.1-cgu.0.rcgu.dwo").unwrap_err().to_string();
        assert!(message.contains("the crate `a`") && message.contains("--remap-path-scope"), "{message}");
        check_name(b"BC\xc0\xde", "a", Path::new("o")).unwrap();
    }
}
