//! A linker's argument without the folders of this machine.
//!
//! A path that the linker reads becomes relative to the working folder, or begins with the
//! sysroot's placeholder. A path that the linker writes into the artifact is read from anywhere: it
//! gets a placeholder for the working folder, which link-only fills in.

use super::capture::Invocation;
use crate::plan::linker_flavor::{LinkerFlavor, behind_driver};
use crate::plan::run_path;
use crate::plan::{CWD, SYSROOT};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where below a sysroot all is that a link names.
const RUSTLIB: &str = "/lib/rustlib/";

/// The options whose value the linker writes into the artifact (GNU ld 2.40, gold, lld 22). They
/// take one dash or two, and the value behind `=` or as the next argument.
const WRITTEN: [&str; 8] = ["rpath", "dynamic-linker", "soname", "auxiliary", "filter", "audit", "depaudit", "interp"];

/// Such options of one letter, with the value right behind or as the next argument. To a compiler
/// driver these letters mean something else.
const WRITTEN_LETTERS: [&str; 6] = ["-R", "-I", "-h", "-f", "-F", "-P"];

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// The linker opens it.
    Read,
    /// The linker writes it into the artifact.
    Written,
}

/// The folders of this machine that no plan names.
#[derive(Debug)]
pub(crate) struct Folders {
    /// The working folder; empty if it is the root, which says nothing of a machine.
    cwd: String,
    /// The sysroots, in every spelling that may turn up.
    sysroots: Vec<String>,
}

impl Folders {
    /// The folders for rustc's `call`, where the arguments `own` are the user's. The command's own
    /// `--sysroot` is `explicit`, and `library_paths` are the folders of its `-L`.
    pub(crate) fn new(cwd: &Path, explicit: Option<&str>, library_paths: &[String], call: &Invocation, own: &Range<usize>) -> Self {
        let mut sysroots: Vec<String> = Vec::new();
        let mut add = |sysroot: &str| {
            let sysroot = sysroot.trim_end_matches('/');
            let real = fs::canonicalize(cwd.join(sysroot)).ok().map(|path| path.to_string_lossy().into_owned());
            let absolute = cwd.join(sysroot).to_string_lossy().into_owned();
            for spelling in [Some(sysroot.to_owned()), Some(absolute), real].into_iter().flatten() {
                if !spelling.is_empty() && !sysroots.contains(&spelling) {
                    sysroots.push(spelling);
                }
            }
        };
        explicit.into_iter().for_each(&mut add);
        let mut is_named = explicit.is_some();
        // rustc names its own by the folder of the target's libraries, which it lets the linker
        // search, and by that of its `gcc-ld` (`walk_native_lib_search_dirs`, `add_lld_args`, 1.95).
        let rustcs_own = call.args.iter().enumerate().filter(|(at, _)| !own.contains(at)).map(|(_, arg)| arg.as_str());
        let mut is_search_path = false;
        // The user's own folders come before, and may be the same.
        let mut of_user: Vec<&str> = library_paths.iter().map(String::as_str).collect();
        for arg in rustcs_own {
            let is_searched = std::mem::replace(&mut is_search_path, arg == "-L");
            let searched = arg.strip_prefix("-L").filter(|dir| !dir.is_empty()).or(is_searched.then_some(arg));
            if let Some(at) = searched.and_then(|dir| of_user.iter().position(|own| *own == dir)) {
                of_user.remove(at);
                continue;
            }
            let tools = arg.strip_prefix("-B").filter(|dir| dir.ends_with("/bin/gcc-ld"));
            // The second is the only one for WebAssembly.
            let dir = tools.or(searched.filter(|dir| dir.ends_with("/lib") || dir.ends_with("/lib/self-contained")));
            if let Some((sysroot, _)) = dir.and_then(|dir| dir.rsplit_once(RUSTLIB)) {
                add(sysroot);
                is_named = true;
            }
        }
        // For Mach-O it names neither of them, but the crates there; all others are in a folder of
        // ours.
        if !is_named {
            let rlibs = call.args.iter().enumerate().filter(|(at, arg)| !own.contains(at) && arg.ends_with(".rlib"));
            let below = rlibs.filter_map(|(_, rlib)| rlib.rsplit_once(RUSTLIB));
            below.filter(|(_, file)| file.split('/').nth(1) == Some("lib")).for_each(|(sysroot, _)| add(sysroot));
        }
        let cwd = cwd.to_string_lossy();
        Self { cwd: if cwd == "/" { String::new() } else { cwd.into_owned() }, sysroots }
    }

    /// The target and file name of one of the sysroot's rlibs at `path`.
    pub(crate) fn sysroot_rlib(&self, path: &str) -> Option<(String, String)> {
        self.sysroots.iter().find_map(|sysroot| {
            let (target, file) = path.strip_prefix(sysroot.as_str())?.strip_prefix(RUSTLIB)?.split_once("/lib/")?;
            let is_rlib = file.starts_with("lib") && file.ends_with(".rlib") && !file.contains('/') && !target.contains('/');
            is_rlib.then(|| (target.to_owned(), file.to_owned()))
        })
    }

    /// The run path `arg` that rustc made for an artifact in `out` (`-Crpath`), for one in
    /// `output_dir`.
    pub(crate) fn rustcs_run_path(&self, arg: &str, out: &Path, output_dir: &Path) -> String {
        run_path::map(arg, |path| {
            let target = run_path::folder(&Path::new(&self.cwd).join(out), path);
            let below = self.sysroots.iter().find_map(|sysroot| {
                let below = target.to_str()?.strip_prefix(sysroot.as_str())?;
                below.starts_with(RUSTLIB.trim_end_matches('/')).then(|| format!("{SYSROOT}{below}"))
            });
            below.unwrap_or_else(|| run_path::from_origin(&out.join(path), output_dir))
        })
    }

    /// What stands for the folder that the path at the beginning of `text` begins with, and how much
    /// of the text it replaces. The path may end before one of `ends`.
    fn placeholder(&self, text: &str, used: Use, ends: &[char]) -> Option<(&'static str, usize)> {
        let behind = |folder: &String| text.strip_prefix(folder.as_str()).filter(|_| !folder.is_empty());
        if used == Use::Read
            && let Some(rest) = self.sysroots.iter().filter_map(behind).find(|rest| rest.starts_with(RUSTLIB))
        {
            return Some((SYSROOT, text.len() - rest.len()));
        }
        let rest = behind(&self.cwd)?;
        let is_over = |rest: &str| rest.is_empty() || rest.starts_with(ends);
        if !is_over(rest) && !rest.starts_with('/') {
            return None;
        }
        if used == Use::Written {
            return Some((CWD, text.len() - rest.len()));
        }
        let inside = rest.trim_start_matches('/');
        let relative = match inside {
            inside if is_over(inside) => ".",
            // What is no flag with its folder before it is none without.
            inside if inside.starts_with(['-', '@']) => "./",
            _ => "",
        };
        Some((relative, text.len() - inside.len()))
    }
}

/// Takes the folders of this machine out of a linker's arguments, one after the other: an option and
/// its value may be two.
#[derive(Debug)]
pub(crate) struct Portable<'a> {
    folders: &'a Folders,
    flavor: LinkerFlavor,
    /// Whether the argument is one that a driver hands on (behind `-Xlinker`).
    is_handed_on: bool,
    /// What becomes of the argument, if it is an option's value.
    value: Option<Use>,
}

impl<'a> Portable<'a> {
    /// For the arguments of a linker of the given flavor, from any of them on.
    pub(crate) fn new(folders: &'a Folders, flavor: LinkerFlavor) -> Self {
        Self { folders, flavor, is_handed_on: false, value: None }
    }

    /// The argument `arg`, the next one.
    pub(crate) fn arg(&mut self, arg: &str) -> String {
        let is_linkers = std::mem::replace(&mut self.is_handed_on, arg == "-Xlinker") || self.flavor == LinkerFlavor::Linker;
        if self.is_handed_on {
            return arg.to_owned();
        }
        let Some(mut rest) = behind_driver(arg).map(|_| &arg["-Wl,".len()..]) else {
            return self.word(arg, is_linkers, &[]).0;
        };
        let mut portable = "-Wl,".to_owned();
        loop {
            let (word, behind) = self.word(rest, true, &[',']);
            portable.push_str(&word);
            let Some(next) = behind.strip_prefix(',') else { return portable };
            portable.push(',');
            rest = next;
        }
    }

    /// The word at the beginning of `text`, which ends before one of `ends`, and what is behind it.
    fn word<'t>(&mut self, text: &'t str, is_linkers: bool, ends: &[char]) -> (String, &'t str) {
        let end = |text: &str| text.find(ends).unwrap_or(text.len());
        let word = &text[..end(text)];
        let value = self.value.take();
        let name = word.trim_start_matches('-').split('=').next().unwrap_or_default();
        let is_option = value.is_none() && word.starts_with('-');
        let is_written = is_option && WRITTEN.contains(&name);
        let letter = WRITTEN_LETTERS.iter().find(|letter| is_option && is_linkers && word.starts_with(**letter));
        if (is_written && !word.contains('=')) || letter.is_some_and(|letter| *letter == word) {
            self.value = Some(Use::Written);
            return (word.to_owned(), &text[word.len()..]);
        }
        let used = match value {
            Some(used) => used,
            None if is_written || letter.is_some() => Use::Written,
            // The path of one without a SONAME is what the artifact asks for.
            None if !is_option && is_shared_library(word) => Use::Written,
            None => Use::Read,
        };
        let starts: Vec<usize> = if is_option {
            let short = (!word.starts_with("--") && word.is_char_boundary(2)).then_some(2);
            short.into_iter().chain(word.match_indices('=').map(|(at, _)| at + 1)).collect()
        } else {
            vec![usize::from(word.starts_with('@'))]
        };
        // Several folders, where an option takes them.
        let is_list = is_written || name == "rpath-link" || value.is_some();
        let ends_of_path: Vec<char> = ends.iter().copied().chain(is_list.then_some(':')).collect();
        let found = starts.into_iter().find_map(|start| {
            let (placeholder, len) = self.folders.placeholder(text.get(start..)?, used, &ends_of_path)?;
            Some((start, placeholder, start + len))
        });
        let (mut portable, mut rest) = match found {
            Some((start, placeholder, end)) => (format!("{}{placeholder}", &text[..start]), &text[end..]),
            None => (String::new(), text),
        };
        while let Some(at) = rest.find(ends_of_path.as_slice()).filter(|at| is_list && rest[*at..].starts_with(':')) {
            portable.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            if let Some((placeholder, len)) = self.folders.placeholder(rest, used, &ends_of_path) {
                portable.push_str(placeholder);
                rest = &rest[len..];
            }
        }
        let (last, behind) = rest.split_at(end(rest));
        portable.push_str(last);
        (portable, behind)
    }
}

fn is_shared_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.")
}

/// The folders that the run paths in `arg`, for an artifact in the folder `output_dir`, lead to.
pub(crate) fn folders_of_run_paths(arg: &str, output_dir: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    run_path::map(arg, |path| {
        folders.push(run_path::folder(output_dir, path));
        String::new()
    });
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(cwd: &str, call: &[&str]) -> Folders {
        let call = Invocation { args: call.iter().map(|&arg| arg.to_owned()).collect(), ..Invocation::default() };
        Folders::new(Path::new(cwd), None, &["/users/lib/rustlib/t/lib".to_owned()], &call, &(0..0))
    }

    fn portable(cwd: &str, flavor: LinkerFlavor, args: &[&str]) -> Vec<String> {
        let folders = folders(cwd, &["-L", "/users/lib/rustlib/t/lib", "-L", "/r/lib/rustlib/t/lib"]);
        let mut portable = Portable::new(&folders, flavor);
        args.iter().map(|arg| portable.arg(arg)).collect()
    }

    #[test]
    fn paths_that_the_linker_reads() {
        let table = [
            ("/w", "/w/x.o", "x.o"),
            ("/w", "/w", "."),
            ("/w", "/w/", "."),
            ("/w", "-L/w", "-L."),
            ("/w", "-L/w/native", "-Lnative"),
            ("/w", "--sysroot=/w/root", "--sysroot=root"),
            ("/w", "-Wl,-T,/w/@out/script", "-Wl,-T,./@out/script"),
            ("/w", "-Wl,-plugin-opt=obj-path=/w/o", "-Wl,-plugin-opt=obj-path=o"),
            ("/w", "-Wl,-rpath-link,/w/a", "-Wl,-rpath-link,a"),
            ("/w", "-Wl,-rpath-link=/w/a:/w/b,-Map=/w/map", "-Wl,-rpath-link=a:b,-Map=map"),
            ("/w", "@/w/objects", "@objects"),
            ("/w", "/w/-out/x.o", "./-out/x.o"),
            // Only where a path begins, and as a whole name.
            ("/app", "-L/opt/app/lib", "-L/opt/app/lib"),
            ("/app", "/opt/app/x.o", "/opt/app/x.o"),
            ("/app", "/apple/x.o", "/apple/x.o"),
            ("/app", "/app/a/app/x.o", "a/app/x.o"),
            ("/app", "/app/deep/app/deep=/app/x.o", "deep/app/deep=/app/x.o"),
            ("/a,b", "-Wl,/a,b/x.o", "-Wl,x.o"),
            ("/a", "/a,b/x.o", "/a,b/x.o"),
            ("/", "/usr/x.o", "/usr/x.o"),
            // The sysroot, and what only looks like one.
            ("/w", "-B/r/lib/rustlib/t/bin/gcc-ld", "-B{sysroot}/lib/rustlib/t/bin/gcc-ld"),
            ("/w", "-L/users/lib/rustlib/t/lib", "-L/users/lib/rustlib/t/lib"),
            ("/w", "-L/w/lib/rustlib/t/lib", "-Llib/rustlib/t/lib"),
            ("/w", "-L/x/r/lib/rustlib/t/lib", "-L/x/r/lib/rustlib/t/lib"),
            ("/w", "/r/lib/other.o", "/r/lib/other.o"),
        ];
        for (cwd, arg, expected) in table {
            assert_eq!(portable(cwd, LinkerFlavor::Driver, &[arg]), [expected], "{arg} in {cwd}");
        }
    }

    #[test]
    fn paths_that_the_linker_writes() {
        use LinkerFlavor::{Driver, Linker};
        let table: &[(LinkerFlavor, &[&str], &[&str])] = &[
            (Driver, &["-Wl,-rpath,/w/so"], &["-Wl,-rpath,{cwd}/so"]),
            (Driver, &["-Wl,-rpath=/w/a:/opt/w/b:/w"], &["-Wl,-rpath={cwd}/a:/opt/w/b:{cwd}"]),
            (Driver, &["-Wl,-rpath,/w/a:/w/b,-z,now"], &["-Wl,-rpath,{cwd}/a:{cwd}/b,-z,now"]),
            (Driver, &["-Wl,--rpath", "-Wl,/w/so", "/w/x.o"], &["-Wl,--rpath", "-Wl,{cwd}/so", "x.o"]),
            (Driver, &["-Xlinker", "-rpath", "-Xlinker", "/w/so"], &["-Xlinker", "-rpath", "-Xlinker", "{cwd}/so"]),
            (Driver, &["-Wl,--dynamic-linker=/w/ld.so,/w/x.o"], &["-Wl,--dynamic-linker={cwd}/ld.so,x.o"]),
            (Driver, &["-Wl,-I,/w/ld", "-I/w/include"], &["-Wl,-I,{cwd}/ld", "-Iinclude"]),
            (Driver, &["-Wl,-R/w/so,-R,/w/b", "-Xlinker", "-h/w/n"], &["-Wl,-R{cwd}/so,-R,{cwd}/b", "-Xlinker", "-h{cwd}/n"]),
            (Linker, &["-rpath", "/w/so", "-I/w/ld", "-soname=/w/x"], &["-rpath", "{cwd}/so", "-I{cwd}/ld", "-soname={cwd}/x"]),
            (Driver, &["-Wl,-rpath,/r/lib/rustlib/t/lib"], &["-Wl,-rpath,/r/lib/rustlib/t/lib"]),
            (Driver, &["/w/so/libx.so", "-Wl,/w/libx.so.1"], &["{cwd}/so/libx.so", "-Wl,{cwd}/libx.so.1"]),
        ];
        for (flavor, args, expected) in table {
            assert_eq!(portable("/w", *flavor, args), *expected);
        }
    }

    #[test]
    fn sysroots() {
        let call = ["-L", "/users/lib/rustlib/t/lib", "-L", "/r/lib/rustlib/t/lib", "-B/s/lib/rustlib/h/bin/gcc-ld"];
        let found = folders("/w", &call);
        assert_eq!(found.sysroots, ["/r", "/s"]);
        assert_eq!(found.sysroot_rlib("/r/lib/rustlib/t/lib/libstd-9.rlib"), Some(("t".into(), "libstd-9.rlib".into())));
        for other in ["/users/lib/rustlib/t/lib/libstd-9.rlib", "/r/lib/rustlib/t/lib/self-contained/libx.rlib", "/r/lib/rustlib/t/lib/x.a"]
        {
            assert_eq!(found.sysroot_rlib(other), None, "{other}");
        }
        assert_eq!(folders("/w", &["-L", "/r/lib/rustlib/t/lib/self-contained"]).sysroots, ["/r"]);
        let explicit = Folders::new(Path::new("/w"), Some("tools/rust/"), &[], &Invocation::default(), &(0..0));
        assert_eq!(explicit.sysroots, ["tools/rust", "/w/tools/rust"]);
        let own = ["-L", "/u/lib/rustlib/t/lib"].map(str::to_owned).into();
        let of_user = Folders::new(Path::new("/w"), None, &[], &Invocation { args: own, ..Invocation::default() }, &(0..2));
        assert_eq!(of_user.sysroots, [""; 0]);
    }

    #[test]
    fn run_paths_of_rustcs_own() {
        let folders = folders("/w", &["-L", "/r/lib/rustlib/t/lib"]);
        let run_path = |arg: &str| folders.rustcs_run_path(arg, Path::new("s/out"), Path::new("bin"));
        assert_eq!(run_path("-Wl,-rpath,$ORIGIN/../../../r/lib/rustlib/t/lib"), "-Wl,-rpath,{sysroot}/lib/rustlib/t/lib");
        assert_eq!(run_path("-Wl,-rpath,$ORIGIN/../../lib"), "-Wl,-rpath,$ORIGIN/../lib");
        assert_eq!(folders_of_run_paths("-Wl,-rpath,$ORIGIN/../a:${ORIGIN}", Path::new("b/c")), [Path::new("b/a"), Path::new("b/c")]);
    }
}
