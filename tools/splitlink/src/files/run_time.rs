//! What an artifact asks the loader for when it runs: libraries, and where to look for them.

use anyhow::{Context, Result};
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, FileHeader32, FileHeader64};
use object::macho::{MachHeader32, MachHeader64};
use object::read::elf::{Dyn, FileHeader};
use object::read::macho::{LoadCommandVariant, MachHeader};
use object::{Endianness, FileKind, ReadCache, ReadRef};
use std::fs::File;
use std::path::Path;

/// What an artifact asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunTime {
    /// The folders in which libraries are looked for, in order: `DT_RPATH` or `DT_RUNPATH` of ELF,
    /// `LC_RPATH` of Mach-O.
    pub run_paths: Vec<String>,
    /// The libraries, in order: `DT_NEEDED`, or `LC_LOAD_DYLIB` and its kin.
    pub needed: Vec<String>,
}

impl RunTime {
    /// Reads it from the artifact at `path`, of which no more than that is read. An artifact of
    /// another format asks for nothing that is known here.
    ///
    /// # Errors
    /// If the file cannot be read, or is broken.
    pub fn read(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot tell what `{}` asks for when it runs", path.display());
        let file = ReadCache::new(File::open(path).with_context(cannot)?);
        Self::parse(&file).with_context(cannot)
    }

    /// The same, of what is in `data`.
    ///
    /// # Errors
    /// If it is broken.
    pub fn parse<'d>(data: impl ReadRef<'d>) -> Result<Self> {
        Ok(match FileKind::parse(data) {
            Ok(FileKind::Elf32) => elf::<FileHeader32<Endianness>, _>(data)?,
            Ok(FileKind::Elf64) => elf::<FileHeader64<Endianness>, _>(data)?,
            Ok(FileKind::MachO32) => mach_o::<MachHeader32<Endianness>, _>(data)?,
            Ok(FileKind::MachO64) => mach_o::<MachHeader64<Endianness>, _>(data)?,
            _ => Self::default(),
        })
    }
}

fn elf<'d, E: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(data: R) -> Result<RunTime> {
    let header = E::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let mut found = RunTime::default();
    // Without an interpreter there is none.
    let Some((entries, names)) = sections.dynamic(endian, data)? else { return Ok(found) };
    let names = sections.strings(endian, data, names)?;
    for entry in entries {
        let tag = entry.tag(endian);
        let list = match tag {
            DT_NEEDED => &mut found.needed,
            DT_RPATH | DT_RUNPATH => &mut found.run_paths,
            _ => continue,
        };
        let text = String::from_utf8_lossy(entry.string(endian, names)?);
        list.extend(if tag == DT_NEEDED { vec![text.into_owned()] } else { text.split(':').map(str::to_owned).collect() });
    }
    Ok(found)
}

fn mach_o<'d, M: MachHeader<Endian = Endianness>, R: ReadRef<'d>>(data: R) -> Result<RunTime> {
    let header = M::parse(data, 0)?;
    let endian = header.endian()?;
    let mut commands = header.load_commands(endian, data, 0)?;
    let mut found = RunTime::default();
    while let Some(command) = commands.next()? {
        let (list, name) = match command.variant()? {
            LoadCommandVariant::Rpath(asked) => (&mut found.run_paths, asked.path),
            LoadCommandVariant::Dylib(asked) => (&mut found.needed, asked.dylib.name),
            _ => continue,
        };
        list.push(String::from_utf8_lossy(command.string(endian, name)?).into_owned());
    }
    Ok(found)
}
