//! Run paths. `$ORIGIN` means the folder of the artifact.
//!
//! So a run path that rustc was given for one folder must be rewritten when the artifact is put
//! into another.

use std::path::{Component, Path, PathBuf};

/// Whether the linker argument `arg` sets a run path.
pub fn is_run_path(arg: &str) -> bool {
    arg.contains("$ORIGIN") || arg.contains("${ORIGIN}")
}

/// `arg`, written for an artifact in the folder `from`, for one in the folder `to`. Both are
/// relative to the working folder.
pub fn rebase(arg: &str, from: &Path, to: &Path) -> String {
    if relative(from, to).as_os_str().is_empty() {
        return arg.to_owned();
    }
    // By way of the target and not of `from`, which need not exist where the artifact runs.
    map(arg, |path| from_origin(&from.join(path), to))
}

/// `arg` with each `$ORIGIN` and the path behind it, as `change` is given it, exchanged.
pub fn map(arg: &str, mut change: impl FnMut(&str) -> String) -> String {
    let mut changed = String::with_capacity(arg.len());
    let arg = arg.replace("${ORIGIN}", ORIGIN);
    let mut parts = arg.split(ORIGIN);
    changed.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (path, rest) = part.split_at(part.find([',', ':']).unwrap_or(part.len()));
        changed.push_str(&change(path.trim_start_matches('/')));
        changed.push_str(rest);
    }
    changed
}

/// The folder that the path `behind` an artifact's `$ORIGIN` leads to, for an artifact in the folder
/// `from`.
pub fn folder(from: &Path, behind: &str) -> PathBuf {
    normal(&from.join(behind)).into_iter().collect()
}

/// The run path to the folder `target` of an artifact in the folder `to`. Both are relative to the
/// working folder.
pub fn from_origin(target: &Path, to: &Path) -> String {
    let way = relative(target, to);
    if way.as_os_str().is_empty() { ORIGIN.to_owned() } else { format!("{ORIGIN}/{}", way.display()) }
}

const ORIGIN: &str = "$ORIGIN";

/// The way to the folder `target` as seen from the folder `base`.
fn relative(target: &Path, base: &Path) -> PathBuf {
    let cwd = if target.is_absolute() == base.is_absolute() { PathBuf::new() } else { std::env::current_dir().unwrap_or_default() };
    let (target, base) = (normal(&cwd.join(target)), normal(&cwd.join(base)));
    let shared = target.iter().zip(&base).take_while(|(a, b)| a == b).count();
    let up = base[shared..].iter().map(|_| "..".to_owned());
    up.chain(target[shared..].iter().cloned()).collect()
}

/// The names on a path, from the working folder on, `.` and `..` resolved as far as they can be.
fn normal(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if names.last().is_some_and(|name| name != "..") => drop(names.pop()),
            other => names.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rebasing() {
        let table = [
            ("-Wl,-rpath,$ORIGIN/../lib", "out/bin/pkg", "out/bin/pkg", "-Wl,-rpath,$ORIGIN/../lib"),
            ("-Wl,-rpath,$ORIGIN/../lib", "out/bin/pkg", "out/bin/pkg/app.d", "-Wl,-rpath,$ORIGIN/../../lib"),
            ("-Wl,-rpath,${ORIGIN}", "out/a", "out/b", "-Wl,-rpath,$ORIGIN/../a"),
            ("-Wl,-rpath,$ORIGIN/../lib:$ORIGIN,-z,origin", "out/a", "out/b", "-Wl,-rpath,$ORIGIN/../lib:$ORIGIN/../a,-z,origin"),
            ("-Wl,-rpath,$ORIGIN/../b", "out/a", "out/b", "-Wl,-rpath,$ORIGIN"),
            ("-Wl,-rpath,$ORIGIN/../../../deps", "out/p.scratch/out", "out", "-Wl,-rpath,$ORIGIN/../deps"),
            ("-Wl,-rpath,$ORIGIN/x", "/out/a", "/out/b", "-Wl,-rpath,$ORIGIN/../a/x"),
            ("-rpath=$ORIGIN", "out", ".", "-rpath=$ORIGIN/out"),
        ];
        for (arg, from, to, expected) in table {
            assert_eq!(rebase(arg, Path::new(from), Path::new(to)), expected, "{arg} from {from} to {to}");
        }
    }
}
