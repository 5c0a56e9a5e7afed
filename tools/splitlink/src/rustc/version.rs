//! The versions of rustc that this program knows.

use crate::rustc::command::{ChildFailed, Given};
use anyhow::{Result, bail};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

/// The oldest that works; `dev/test oldest_and_newest` tries it.
const OLDEST: Version = Version(1, 85);

/// The newest that was tried.
const NEWEST: Version = Version(1, 98);

/// Major and minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Version {
    /// The first one that `bytes` name as rustc names itself: `rustc 1.95.0 (59807616e 2026-04-14)`.
    fn find(bytes: &[u8]) -> Option<Self> {
        const NAME: &[u8] = b"rustc ";
        let at = bytes.windows(NAME.len()).position(|window| window == NAME)?;
        let mut numbers =
            bytes[at + NAME.len()..].split(|byte| !byte.is_ascii_digit()).map(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        Some(Self(numbers.next()??, numbers.next()??))
    }
}

/// Checks which rustc wrote the metadata that is `path`, an `.rmeta`.
///
/// # Errors
/// If that is too old.
pub fn check_rmeta(path: &Path) -> Result<()> {
    let mut beginning = Vec::new();
    // What cannot be read is complained of where more of it is.
    let _ = File::open(path).map(|file| file.take(128).read_to_end(&mut beginning));
    check_beginning(&beginning)
}

/// Checks which rustc wrote the metadata that begins with `beginning`.
///
/// # Errors
/// If that is too old.
pub fn check_beginning(beginning: &[u8]) -> Result<()> {
    Version::find(beginning).map_or(Ok(()), check)
}

fn check(version: Version) -> Result<()> {
    if version < OLDEST {
        bail!("this is rustc {version}, and splitlink works with rustc {OLDEST} and newer\n  help: use a newer toolchain");
    }
    Ok(())
}

/// Adds to the failure of a phase that runs `command` what the version of rustc has to do with it.
/// rustc is asked only now: a phase that goes well shall not wait for an answer.
///
/// # Errors
/// The failure.
pub fn explain(command: &[String], result: Result<()>) -> Result<()> {
    let Err(error) = result else { return Ok(()) };
    // Within a wrapper the phase runs once more, and says it there.
    let Ok(Given::Rustc { program, args }) = Given::parse(command) else { return Err(error) };
    let Ok(answer) = Command::new(program).args(args.toolchain()).arg("-vV").output() else { return Err(error) };
    match Version::find(&answer.stdout) {
        // rustc's own messages, if there are any, are above.
        Some(version) if version < OLDEST => check(version),
        Some(version) if version > NEWEST && !error.is::<ChildFailed>() => {
            Err(error.context(format!("this is rustc {version}, and this splitlink was tried with rustc {OLDEST} to {NEWEST}")))
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let table: &[(&[u8], Option<Version>)] = &[
            (b"rust\0\0\0\x0a\0\0\0\0\x08.rustc 1.95.0 (59807616e 2026-04-14)", Some(Version(1, 95))),
            (b"rustc 1.97.0-nightly (e50aa6fba 2026-05-19)\nbinary: rustc\n", Some(Version(1, 97))),
            (b"rustc 2.0", Some(Version(2, 0))),
            (b"rustc unknown", None),
            (b"rustc 1", None),
            (b"", None),
        ];
        for (bytes, expected) in table {
            assert_eq!(Version::find(bytes), *expected, "{}", String::from_utf8_lossy(bytes));
        }
        assert!(check(Version(1, 84)).unwrap_err().to_string().contains("this is rustc 1.84"));
        assert!(check(OLDEST).is_ok() && check(Version(2, 0)).is_ok());
    }
}
