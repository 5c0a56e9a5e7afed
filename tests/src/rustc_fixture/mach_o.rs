//! What a Mach-O file holds, as lines of text that can be compared. The paths of objects, which
//! linkers write into it for debuggers (`N_OSO`), are left out.

use anyhow::{Context, Result};
use object::macho::{self, MachHeader64};
use object::read::macho::MachHeader;
use object::{Endianness, Object, ObjectSection, ObjectSymbol};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Describes the file at `path`: its load commands, the libraries that it names and its own name,
/// sections with places and contents, symbols.
///
/// # Errors
/// If it cannot be read as 64-bit Mach-O.
pub fn describe(path: &Path) -> Result<Vec<String>> {
    let data = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    facts(&data).with_context(|| format!("`{}` is not the Mach-O file it should be", path.display()))
}

fn facts(data: &[u8]) -> Result<Vec<String>> {
    let header = MachHeader64::<Endianness>::parse(data, 0)?;
    let endian = header.endian()?;
    let mut facts = vec![format!("type {} cpu {:#x}", header.filetype(endian), header.cputype(endian))];
    let mut commands = header.load_commands(endian, data, 0)?;
    while let Some(command) = commands.next()? {
        facts.push(format!("command {:#x} of {} bytes", command.cmd(), command.cmdsize()));
        if let Some(library) = command.dylib()? {
            facts.push(format!("library {}", String::from_utf8_lossy(command.string(endian, library.dylib.name)?)));
        }
        if command.cmd() == macho::LC_ID_DYLIB {
            let own: &macho::DylibCommand<Endianness> = command.data()?;
            facts.push(format!("own name {}", String::from_utf8_lossy(command.string(endian, own.dylib.name)?)));
        }
    }
    let file = object::File::parse(data)?;
    for section in file.sections() {
        let (segment, name) = (section.segment_name()?.unwrap_or_default(), section.name()?);
        let mut contents = DefaultHasher::new();
        section.data()?.hash(&mut contents);
        facts.push(format!("section {segment},{name} at {:#x}: {} bytes, {:#x}", section.address(), section.size(), contents.finish()));
    }
    for symbol in file.symbols() {
        facts.push(format!("symbol {} at {:#x} {:?}", symbol.name()?, symbol.address(), symbol.scope()));
    }
    Ok(facts)
}
