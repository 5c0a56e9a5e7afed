//! The linker's arguments, recorded on both ways and made comparable.

use super::tools::workplace;
use anyhow::{Context, Result};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Reduces a linker's arguments to what does not depend on where files lie: a file of the build
/// becomes its name's end and a digest of its contents. Response files are read.
///
/// # Errors
/// If a file cannot be read.
fn words(args: &[String]) -> Result<Vec<String>> {
    let mut words = Vec::new();
    if let [only] = args
        && let Some(file) = only.strip_prefix('@')
    {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read `{file}`"))?;
        return self::words(&text.lines().map(str::to_owned).collect::<Vec<_>>());
    }
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "-o" => {
                args.next();
                words.push("-o <artifact>".to_owned());
            }
            "-L" => {
                let dir = args.next().unwrap_or_default();
                // rustc names its folder of import libraries whether or not there are any.
                let is_empty = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
                if !(is_empty && dir.ends_with("raw-dylibs")) {
                    words.push(format!("-L {}", word(dir)?));
                }
            }
            _ => words.push(word(arg)?),
        }
    }
    Ok(words)
}

fn word(arg: &str) -> Result<String> {
    for start in std::iter::once(0).chain(arg.match_indices(['=', ',']).map(|(at, _)| at + 1)) {
        let path = Path::new(&arg[start..]);
        if path.is_file() && !arg.contains("/lib/rustlib/") {
            return Ok(format!("{}{}", &arg[..start], digest(path)?));
        }
        if path.ends_with("raw-dylibs") {
            return Ok(format!("{}<import libraries>", &arg[..start]));
        }
    }
    // A plan spells what is in the working folder relative to it, whatever the command said.
    Ok(arg.replace(&format!("{}/", std::env::current_dir()?.display()), ""))
}

/// A Rust library and a metadata object with its name, any other file without: what splitlink calls
/// its modules is its own affair.
fn digest(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // So rustc called it until 1.89 or so.
    let name = if name.ends_with(".rcgu.rmeta") { METADATA_OBJECT.into() } else { name };
    let name = if name.ends_with(".rlib") || name == METADATA_OBJECT { &name } else { "file" };
    Ok(format!("<{name} {} {:016x}>", bytes.len(), hasher.finish()))
}

/// The object with a crate's metadata, as rustc and splitlink call it.
const METADATA_OBJECT: &str = "rmeta.o";

/// A line for the standard library's dylib without what may differ there: the contents of the
/// metadata, and a run path to it.
pub fn without_metadata_and_std_run_path(line: Vec<String>) -> Vec<String> {
    let is_to_std = |word: &String| word.starts_with("-Wl,-rpath,") && word.ends_with("/lib") && word.contains("/lib/rustlib/");
    let without_contents = |word: String| if word.starts_with(&format!("<{METADATA_OBJECT} ")) { METADATA_OBJECT.to_owned() } else { word };
    line.into_iter().filter(|word| !is_to_std(word)).map(without_contents).collect()
}

/// A folder to put first in the path: every linker's name in it is the recorder.
pub fn recorders() -> Result<PathBuf> {
    let dir = workplace().join("linkers");
    if !dir.exists() {
        let recorder = std::env::current_exe()?.ancestors().nth(2).context("no target folder")?.join("recording_linker");
        let making = workplace().join(format!("linkers.{:?}", std::thread::current().id()));
        fs::create_dir_all(&making)?;
        for name in ["cc", "gcc"] {
            std::os::unix::fs::symlink(&recorder, making.join(name))?;
        }
        // Another thread may have been faster.
        if fs::rename(&making, &dir).is_err() {
            fs::remove_dir_all(&making)?;
        }
        // One in the working folder itself.
        let _ = std::os::unix::fs::symlink("linkers/cc", workplace().join("cc"));
    }
    Ok(dir)
}

/// Adds a linker's call to the record in `file`.
///
/// # Errors
/// If the record cannot be written.
pub fn record(file: &Path, args: &[String]) -> Result<()> {
    let mut record = fs::OpenOptions::new().create(true).append(true).open(file)?;
    let mut text = String::new();
    for word in words(args)? {
        text.push_str(&word);
        text.push('\n');
    }
    record.write_all(text.as_bytes())?;
    Ok(())
}

/// The calls recorded in `file`, one after the other, a word a line.
///
/// # Errors
/// If there is no record.
pub fn recorded(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("no linker left the record `{}`", file.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}
