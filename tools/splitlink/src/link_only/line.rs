//! The resolved line of a link: what is linked, in order, each with its real file.
//!
//! One line flows through link-only. The plan's items, with formats decided
//! ([`crate::formats::link_line`]), become parts with files here. LTO exchanges what it consumed.
//! What is left is rendered as linker arguments ([`super::linker`]) or put into an archive
//! ([`super::staticlib`]).

use super::linking::Linking;
use super::native_files::NativeFiles;
use crate::formats::link_line;
use crate::lto::{self, Optimised, Remainder};
use crate::plan::Item;
use anyhow::{Result, bail};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A part of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The file of an item.
    File(&'a Item, PathBuf),
    /// What LTO has left of an item's file: machine code.
    Left(&'a Item, PathBuf),
    /// What LTO has made.
    Objects(Vec<PathBuf>),
    /// A crate's dylib in place of its rlib.
    Dylib(PathBuf),
    /// An argument of the linker's, and the files that it stands for where LTO looks into them.
    Argument(&'a Item, Cow<'a, str>, Vec<PathBuf>),
    /// A folder in which the linker looks for native libraries.
    SearchPath(&'a str),
    /// A run path.
    RunPath(&'a str),
    /// Here stands the artifact.
    Output,
    /// The argument that names the artifact's import library.
    OutputImportLibrary(&'a str),
    /// Native libraries are looked for from here on as static ones alone, or as dynamic ones too.
    Hint {
        /// Which of the two.
        is_static: bool,
    },
}

/// The line.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) parts: Vec<Part<'a>>,
}

impl<'a> Line<'a> {
    /// Resolves the line of `linking`.
    ///
    /// # Errors
    /// If a file is missing or cannot be made.
    pub(crate) fn resolve(linking: &Linking<'a>) -> Result<Self> {
        let parts = linking.decision.line.parts.iter().map(|part| match *part {
            link_line::Part::Item(item) => linking.part(item),
            link_line::Part::Dylib(id) => Ok(Part::Dylib(linking.dylib(id)?)),
            link_line::Part::Hint { is_static } => Ok(Part::Hint { is_static }),
        });
        Ok(Self { parts: parts.collect::<Result<_>>()? })
    }

    /// Finds the files of native libraries and objects, which the linker would find by itself, for
    /// LTO to look into.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn find_native_files(&mut self, linking: &Linking<'a>) -> Result<()> {
        self.parts = NativeFiles::new(linking).find(std::mem::take(&mut self.parts))?;
        Ok(())
    }

    /// Puts what LTO has made in the place of what took part.
    pub(crate) fn exchange(&mut self, optimised: &Optimised) {
        let mut objects = Some(&optimised.objects);
        let mut parts = Vec::with_capacity(self.parts.len() + 1);
        for part in self.parts.drain(..) {
            // Where the first of what became them stood.
            if let Part::File(Item::Module { .. } | Item::WholeCrate { .. }, _) = part
                && let Some(objects) = objects.take()
            {
                parts.push(Part::Objects(objects.clone()));
            }
            let (item, file) = match &part {
                Part::File(item, file) => (*item, file),
                Part::Argument(item, ..) if lto::is_for_linkers_own(item) => continue,
                Part::Argument(item, _, files) if files.len() == 1 => (*item, &files[0]),
                _ => {
                    parts.push(part);
                    continue;
                }
            };
            match optimised.remainders.get(file) {
                Some(Remainder::Nothing) => {}
                Some(Remainder::Archive(archive)) => parts.push(Part::Left(item, archive.clone())),
                None => parts.push(part),
            }
        }
        self.parts = parts;
    }

    /// The files of items, of which LTO may have left a part only.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'a Item, &Path)> {
        self.parts.iter().filter_map(|part| match part {
            Part::File(item, file) | Part::Left(item, file) => Some((*item, file.as_path())),
            _ => None,
        })
    }

    /// The objects that LTO has made.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &PathBuf> {
        self.parts.iter().flat_map(|part| if let Part::Objects(objects) = part { objects.as_slice() } else { &[] })
    }
}

impl<'a> Linking<'a> {
    /// The item `item` with its file.
    fn part(&self, item: &'a Item) -> Result<Part<'a>> {
        let file = match item {
            Item::Module { file }
            | Item::AllocatorShim { file }
            | Item::SymbolsObject { file }
            | Item::VersionScript { file, .. }
            | Item::ModuleDefinition { file, .. }
            | Item::ImportLibrary { file }
            | Item::ExportedSymbols { file } => self.module(file)?,
            Item::MetadataObject { file, formats } => self.metadata_object(file, formats.as_ref())?,
            Item::Crate { id } | Item::WholeCrate { id } => self.rlib(id)?.to_owned(),
            Item::CrateMetadata { id } => self.crate_metadata(id)?,
            Item::SysrootCrate { target, file_name } => self.sysroot_crate(target, file_name)?,
            Item::BundledLibrary { id, member, .. } => self.bundled_library(id, member)?,
            Item::ArchivedLibrary { name, .. } if self.link.crate_type.is_made_by_linker() => {
                bail!("the plan puts the library `{name}` into an archive, and this is a link")
            }
            Item::ArchivedLibrary { name, verbatim } => self.find_library(name, *verbatim)?,
            Item::NativeLibrary { arg } | Item::TargetFlag { arg } | Item::Passthrough { arg } => {
                return Ok(Part::Argument(item, Cow::Borrowed(arg), Vec::new()));
            }
            Item::OutputImportLibrary { arg } => return Ok(Part::OutputImportLibrary(arg)),
            Item::SearchPath { dir } => return Ok(Part::SearchPath(dir)),
            Item::RunPath { arg } => return Ok(Part::RunPath(arg)),
            Item::Output => return Ok(Part::Output),
        };
        Ok(Part::File(item, file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lto_consumed_is_exchanged() {
        let module = Item::Module { file: "a.o".into() };
        let shim = Item::AllocatorShim { file: "shim.o".into() };
        let half = Item::Crate { id: "half-1".into() };
        let whole = Item::Crate { id: "whole-1".into() };
        let library = Item::NativeLibrary { arg: "-lx".into() };
        let option = Item::TargetFlag { arg: "-Wl,-plugin-opt=O3".into() };
        let file = |item, path: &str| Part::File(item, path.into());
        let mut line = Line {
            parts: vec![
                file(&shim, "shim.o"),
                file(&module, "a.o"),
                file(&half, "half.rlib"),
                file(&whole, "whole.rlib"),
                Part::Argument(&library, "-lx".into(), vec!["libx.a".into()]),
                Part::Argument(&library, "-lx".into(), vec![]),
                Part::Argument(&option, "-Wl,-plugin-opt=O3".into(), vec![]),
                Part::Output,
            ],
        };
        let consumed = ["shim.o", "a.o", "whole.rlib", "libx.a"].map(|path| (PathBuf::from(path), Remainder::Nothing));
        let left = [("half.rlib".into(), Remainder::Archive("native/half.rlib".into()))];
        let optimised = Optimised { objects: vec!["0.o".into()], remainders: consumed.into_iter().chain(left).collect() };
        line.exchange(&optimised);
        let expected = vec![
            Part::Objects(vec!["0.o".into()]),
            Part::Left(&half, "native/half.rlib".into()),
            Part::Argument(&library, "-lx".into(), vec![]),
            Part::Output,
        ];
        assert_eq!(line.parts, expected);
    }
}
