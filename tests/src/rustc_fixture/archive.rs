//! The members and the symbol index of a staticlib, as lines of text that can be compared.

use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::Path;

/// Describes the archive at `path`: its members in order, with digests of their contents, and its
/// symbol index.
///
/// # Errors
/// If it is no whole archive.
pub fn describe(path: &Path) -> Result<Vec<String>> {
    let data = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    facts(&data).with_context(|| format!("`{}` is not a whole archive", path.display()))
}

fn facts(data: &[u8]) -> Result<Vec<String>> {
    let archive = ArchiveFile::parse(data)?;
    let mut facts = Vec::new();
    let mut members = HashMap::new();
    for (number, member) in archive.members().enumerate() {
        let member = member?;
        let contents = member.data(data)?;
        let mut hasher = DefaultHasher::new();
        hasher.write(contents);
        let name = String::from_utf8_lossy(member.name()).into_owned();
        let (mode, date) = (member.mode(), member.date());
        facts.push(format!("member {name} {} {:016x} mode {mode:?} date {date:?}", contents.len(), hasher.finish()));
        members.insert(member.file_range().0, number);
    }
    for symbol in archive.symbols()?.context("it has no symbol index")? {
        let symbol = symbol?;
        // The index holds where the member's header begins, 60 bytes before its contents.
        let member = members.get(&(symbol.offset().0 + 60)).context("its symbol index points to no member")?;
        facts.push(format!("symbol {} in {member}", String::from_utf8_lossy(symbol.name())));
    }
    Ok(facts)
}
