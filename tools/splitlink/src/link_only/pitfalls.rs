//! What linkers do wrong in silence, or say in a way that nobody understands.

use super::line::{Line, Part};
use super::linking::Linking;
use crate::files::archive::Archive;
use crate::plan::Item;
use crate::plan::linker_flavor::linker_args;
use object::{Object, ObjectSection, ObjectSymbol, ReadCache};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// How bitcode of LLVM's begins, as it is and in a wrapper.
const BITCODE: [&[u8]; 2] = [b"BC\xc0\xde", b"\xde\xc0\x17\x0b"];

/// The output sections of `artifact` that are there twice although the program looks one up by its
/// name (`__start_NAME`), and the linker, as it names itself. Such a program finds a part of what it
/// looks for: mold before 2 makes two of elements with and without relocations.
pub(crate) fn sections_that_are_there_twice(artifact: &Path) -> (Vec<String>, String) {
    let Ok(file) = File::open(artifact) else { return Default::default() };
    let data = ReadCache::new(file);
    let Ok(object) = object::File::parse(&data) else { return Default::default() };
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for section in object.sections() {
        let Ok(name) = section.name() else { continue };
        let is_looked_up = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // Of Mach-O, segments have names as well.
        let segment = section.segment_name().ok().flatten().map(str::to_owned);
        if is_looked_up && !seen.insert((segment, name.to_owned())) {
            twice.insert(name.to_owned());
        }
    }
    let comment = object.section_by_name(".comment").and_then(|section| Some(section.data().ok()?.to_vec())).unwrap_or_default();
    let names = comment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let linker = names.into_iter().find(|name| ["mold ", "Linker: ", "GNU gold"].iter().any(|start| name.starts_with(start)));
    (
        twice.into_iter().collect(),
        linker.map_or_else(|| "the linker".to_owned(), |name| format!("`{}`", name.trim_start_matches("Linker: "))),
    )
}

/// What wild, which has failed and `said` something, may have left out of `args`: wild 0.10 takes
/// what comes behind `--trace` for its value.
pub(crate) fn left_out_by_wild(args: &[String], said: &str) -> Option<String> {
    if !said.contains("wild: ") {
        return None;
    }
    let mut words = args.iter().flat_map(|arg| linker_args(arg));
    let option = words.find(|word| matches!(*word, "--trace" | "-trace" | "-t"))?;
    Some(format!("note: wild may have taken the argument behind `{option}` for its value, and left it out\n  help: leave out `{option}`"))
}

/// Why an object may be of no use to a linker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// GCC's LTO, without machine code beside it (`-fno-fat-lto-objects`, the default).
    SlimLto,
    /// Bitcode of LLVM's.
    Bitcode,
}

impl Kind {
    fn of(contents: &[u8]) -> Option<Self> {
        if BITCODE.iter().any(|magic| contents.starts_with(magic)) {
            return Some(Self::Bitcode);
        }
        let object = object::File::parse(contents).ok()?;
        let is_slim = |symbol: object::Symbol<'_, '_>| symbol.name_bytes() == Ok(b"__gnu_lto_slim");
        object.symbols().any(is_slim).then_some(Self::SlimLto)
    }

    fn what(self) -> &'static str {
        match self {
            Self::SlimLto => "has objects of GCC's LTO without machine code, which only a GCC of the same version reads",
            Self::Bitcode => "has LLVM's bitcode, which only a linker with an LLVM that is as new reads",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::SlimLto => "compile it with `-ffat-lto-objects`, or without `-flto`",
            Self::Bitcode => "compile it without `-flto`; or use lld of that LLVM or newer; or give link-only `--lto`",
        }
    }
}

impl Linking<'_> {
    /// What may be the cause where the linker misses symbols: native libraries on `line` whose objects
    /// it cannot read. It takes them for empty, and says nothing of that.
    pub(crate) fn unreadable_libraries(&self, line: &Line<'_>) -> Vec<String> {
        let mut said = Vec::new();
        for file in self.native_files(line) {
            let Ok(archive) = Archive::read_or_object(&file) else { continue };
            let kinds: BTreeSet<Kind> = archive.members.iter().filter_map(|member| Kind::of(archive.contents(member))).collect();
            for kind in kinds {
                said.push(format!("note: `{}` {}\n  help: {}", file.display(), kind.what(), kind.help()));
            }
        }
        said
    }

    /// The native libraries and objects on `line`, as far as they are found.
    fn native_files(&self, line: &Line<'_>) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        for part in &line.parts {
            match part {
                Part::File(Item::BundledLibrary { .. } | Item::ArchivedLibrary { .. }, file) => {
                    files.insert(file.clone());
                }
                Part::Argument(_, _, found) if !found.is_empty() => files.extend(found.iter().cloned()),
                Part::Argument(_, arg, _) => {
                    let named = match arg.strip_prefix("-l") {
                        Some(name) => {
                            let file = name.strip_prefix(':').map_or_else(|| format!("lib{name}.a"), str::to_owned);
                            self.find_library_file(&file).unwrap_or_default()
                        }
                        None if arg.starts_with('-') => None,
                        None => self.resolved(arg).ok().map(PathBuf::from),
                    };
                    files.extend(named.filter(|file| file.is_file()));
                }
                _ => {}
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};
    use std::fs;

    fn object(sections: &[&str], symbols: &[&str]) -> Vec<u8> {
        let mut object = write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        for name in sections {
            let section = object.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::ReadOnlyData);
            object.append_section_data(section, b"mold 1.10.1 (x)\0", 1);
        }
        for name in symbols {
            object.add_symbol(write::Symbol {
                name: name.as_bytes().to_vec(),
                value: 1,
                size: 1,
                kind: SymbolKind::Data,
                scope: SymbolScope::Dynamic,
                weak: false,
                section: write::SymbolSection::Common,
                flags: SymbolFlags::None,
            });
        }
        object.write().unwrap()
    }

    #[test]
    fn sections_of_one_name() {
        let path = std::env::temp_dir().join(format!("splitlink-sections-{}", std::process::id()));
        let table: [(&[&str], &[&str], &str); 4] = [
            (&["linkme_A", "linkme_B", "linkme_A", ".comment"], &["linkme_A"], "`mold 1.10.1 (x)`"),
            (&["linkme_A", "linkme_A"], &["linkme_A"], "the linker"),
            // Nothing looks these up by name.
            (&[".data", ".data", "a.b", "a.b"], &[], "the linker"),
            (&["linkme_A", "linkme_B"], &[], "the linker"),
        ];
        for (sections, twice, maker) in table {
            fs::write(&path, object(sections, &[])).unwrap();
            let (found, by) = sections_that_are_there_twice(&path);
            assert_eq!((found.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), by.as_str()), (twice, maker), "{sections:?}");
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn arguments_that_wild_leaves_out() {
        let left_out = |args: &str, said: &str| left_out_by_wild(&args.split(' ').map(str::to_owned).collect::<Vec<_>>(), said);
        for args in ["-Wl,--trace a.o", "-Wl,-z,now,-t a.o", "-Xlinker --trace a.o"] {
            assert!(left_out(args, "wild: error: Undefined symbol").is_some_and(|note| note.contains("help: ")), "{args}");
            assert_eq!(left_out(args, "ld: error: Undefined symbol"), None);
        }
        assert_eq!(left_out("-Wl,-z,now a.o", "wild: error: Undefined symbol"), None);
    }

    #[test]
    fn objects_of_no_use() {
        let table: [(&[u8], Option<Kind>); 5] = [
            (&object(&[".text"], &["f"]), None),
            (&object(&[".text"], &["__gnu_lto_slim"]), Some(Kind::SlimLto)),
            (b"BC\xc0\xde and more", Some(Kind::Bitcode)),
            (b"\xde\xc0\x17\x0b and more", Some(Kind::Bitcode)),
            (b"text", None),
        ];
        for (contents, expected) in table {
            assert_eq!(Kind::of(contents), expected, "{}", contents.escape_ascii());
        }
    }
}
