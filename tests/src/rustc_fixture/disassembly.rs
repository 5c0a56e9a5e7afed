//! The functions of an artifact, and what they call.

use super::tools::succeed;
use anyhow::{Result, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The names of the symbols that the ELF file at `path` defines.
///
/// # Errors
/// If `nm` cannot read it.
pub fn defined(path: &Path) -> Result<BTreeSet<String>> {
    let text = succeed(Command::new("nm").arg("--defined-only").arg(path))?.stdout;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(|line| line.split(' ').nth(2).map(str::to_owned)).collect())
}

/// What `function` calls, or jumps to as its last act.
///
/// # Errors
/// If there is no such function, or `objdump` cannot read the file.
pub fn calls_of(path: &Path, function: &str) -> Result<Vec<String>> {
    let mut objdump = Command::new("objdump");
    let text = succeed(objdump.args(["-d", "--no-show-raw-insn", &format!("--disassemble={function}")]).arg(path))?.stdout;
    let text = String::from_utf8_lossy(&text);
    ensure!(text.contains(&format!("<{function}>:")), "`{}` has no `{function}`: {text}", path.display());
    let goes = |line: &str| {
        let instruction = line.split('\t').nth(1).unwrap_or_default();
        instruction.starts_with("call") || instruction.starts_with('j')
    };
    let targets = text.lines().filter(|line| goes(line)).map(|line| {
        // Through a pointer, if it names nobody.
        line.rsplit_once('<').map_or(line.trim().to_owned(), |(_, name)| name.trim_end_matches('>').to_owned())
    });
    Ok(targets.filter(|target| !target.starts_with(&format!("{function}+"))).collect())
}
