//! Stands before the linker in tests: records its arguments, with digests of the files among them,
//! and then runs it. `RECORD_LINKER_TO` names the record; the real program is the next one of the
//! same name on the path.

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args();
    let called = PathBuf::from(args.next().ok_or("called without a name")?);
    let name = called.file_name().ok_or("called without a name")?;
    let args: Vec<String> = args.collect();
    if let Some(record) = std::env::var_os("RECORD_LINKER_TO") {
        splitlink_tests::rustc_fixture::link_line::record(Path::new(&record), &args)?;
    }
    let own = std::env::current_exe()?;
    let path = std::env::var_os("PATH").ok_or("there is no PATH")?;
    let is_other = |candidate: &PathBuf| candidate.canonicalize().is_ok_and(|found| found != own && found.is_file());
    let real = std::env::split_paths(&path).map(|dir| dir.join(name)).find(is_other);
    let real = real.ok_or_else(|| format!("no other `{}` on the path", Path::new(name).display()))?;
    Err(Command::new(real).args(args).exec().into())
}
