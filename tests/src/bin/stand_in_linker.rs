//! A linker that does not link: it records its arguments and writes what rustc needs to go on, a
//! dylib's metadata or an empty file. `STAND_IN_RECORD` names the record. With `STAND_IN_LINKS` set
//! the real linker, the next of the same name on the path, runs too.

use std::error::Error;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args();
    let called = PathBuf::from(args.next().ok_or("called without a name")?);
    let args: Vec<String> = args.collect();
    if let Some(record) = std::env::var_os("STAND_IN_RECORD") {
        fs::write(record, args.join("\n"))?;
    }
    if std::env::var_os("STAND_IN_LINKS").is_some() {
        return Err(really(&called, &args)?.into());
    }
    let at = args.iter().position(|arg| arg == "-o").ok_or("no `-o`")?;
    let output = args.get(at + 1).ok_or("nothing behind `-o`")?;
    // The object with the metadata, which rustc finds by its section, in a dylib or here.
    match args.iter().find(|arg| Path::new(arg).file_name().is_some_and(|name| name == "rmeta.o")) {
        Some(metadata) => drop(fs::copy(metadata, output)?),
        None => fs::write(output, b"")?,
    }
    Ok(())
}

/// Becomes the real linker; returns only if that cannot be started.
fn really(called: &Path, args: &[String]) -> Result<std::io::Error, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let path = std::env::var_os("PATH").ok_or("there is no PATH")?;
    let name = called.file_name().ok_or("called without a name")?;
    let is_other = |candidate: &PathBuf| candidate.canonicalize().is_ok_and(|found| found != own && found.is_file());
    let real = std::env::split_paths(&path).map(|dir| dir.join(name)).find(is_other);
    Ok(Command::new(real.ok_or("no other linker of this name on the path")?).args(args).exec())
}
