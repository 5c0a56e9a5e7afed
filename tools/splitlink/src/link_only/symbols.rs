//! The symbols that a link keeps and exports, reduced to what its static part defines.
//!
//! rustc writes `symbols.o` and the version script for a link that is static throughout. The
//! symbols of a crate that is linked dynamically must leave both: the linker refuses a version
//! script that names undefined symbols (`--no-undefined-version`), and `symbols.o` would ask for
//! symbols that no dylib exports. rustc itself lists static crates only
//! (`rustc_codegen_ssa::back::linker::exported_symbols` and `linked_symbols`, 1.95).

use crate::files::{object_symbols, rlib};
use anyhow::{Context, Result};
use object::write;
use object::{BinaryFormat, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolFlags, SymbolKind, SymbolScope};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// The names of the symbols that some files define.
#[derive(Debug, Default)]
pub struct Defined(HashSet<Vec<u8>>);

impl Defined {
    /// Adds what the object file `path` defines for others.
    ///
    /// # Errors
    /// If it cannot be read or is no object file.
    pub fn add_object(&mut self, path: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let names = object_symbols::defined(&bytes).with_context(|| format!("cannot use the module `{}`", path.display()))?;
        let names = names.with_context(|| format!("the module `{}` is no object file", path.display()))?;
        self.0.extend(names.into_iter().map(<[u8]>::to_owned));
        Ok(())
    }

    /// Adds what the rlib `path` defines, as its symbol index says.
    ///
    /// # Errors
    /// If it cannot be read or is no archive.
    pub fn add_rlib(&mut self, path: &Path) -> Result<()> {
        self.0.extend(rlib::symbol_index(path)?);
        Ok(())
    }

    /// Whether `name` is among them.
    pub fn has(&self, name: &[u8]) -> bool {
        self.0.contains(name)
    }
}

fn name_of<'a>(symbol: &impl ObjectSymbol<'a>) -> Vec<u8> {
    symbol.name_bytes().unwrap_or_default().to_owned()
}

/// The version script `script` of rustc's with only the symbols that `keep` picks
/// (`rustc_codegen_ssa::back::linker::GccLinker::export_symbols`, 1.95).
pub fn reduce_version_script(script: &str, keep: impl Fn(&str) -> bool) -> String {
    let is_symbol = |line: &str| line.starts_with("    ") && line.ends_with(';') && line.trim() != "*;";
    let kept = |line: &&str| !is_symbol(line) || keep(line.trim().trim_end_matches(';').trim_matches('"'));
    let mut lines: Vec<&str> = script.lines().filter(kept).collect();
    // As rustc writes a script without symbols.
    if !lines.iter().any(|line| is_symbol(line)) {
        lines.retain(|line| line.trim() != "global:");
    }
    lines.join("\n") + "\n"
}

/// The version script `script` with `symbol` exported as well.
pub fn add_to_version_script(script: &str, symbol: &str) -> String {
    let head = "{\n";
    let rest = script.strip_prefix(head).unwrap_or(script);
    let globals = rest.strip_prefix("  global:\n").unwrap_or(rest);
    format!("{head}  global:\n    {symbol};\n{globals}")
}

/// The symbol at the metadata in the dylib of the crate `id`; rustc finds the metadata by its
/// section and asks for no name.
pub fn metadata_symbol(id: &str) -> String {
    format!("rust_metadata_{}", id.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// The object `symbols.o` of rustc's with only the undefined symbols that `keep` picks, and the
/// language items that rustc lists once more at the end wherever they are defined
/// (`rustc_codegen_ssa::base::CrateInfo::new`, 1.95).
///
/// # Errors
/// If `original` is no object file that rustc writes.
pub fn reduce_symbols_object(original: &[u8], keep: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
    let object = object::File::parse(original).context("`symbols.o` is no object file")?;
    let mut reduced = write::Object::new(BinaryFormat::Elf, object.architecture(), object.endianness());
    reduced.flags = object.flags();
    for section in object.sections().filter(|section| section.kind() == SectionKind::Note) {
        let copy = reduced.add_section(Vec::new(), section.name_bytes()?.to_owned(), SectionKind::Note);
        reduced.section_mut(copy).flags = section.flags();
        reduced.append_section_data(copy, section.data()?, section.align());
    }
    let mut seen = HashSet::new();
    for symbol in object.symbols().filter(|symbol| symbol.is_undefined()) {
        let name = name_of(&symbol);
        let is_listed_again = !seen.insert(name.clone());
        if is_listed_again || keep(&name) {
            reduced.add_symbol(undefined(name, symbol.kind()));
        }
    }
    Ok(reduced.write()?)
}

fn undefined(name: Vec<u8>, kind: SymbolKind) -> write::Symbol {
    write::Symbol {
        name,
        value: 0,
        size: 0,
        kind,
        scope: SymbolScope::Unknown,
        weak: false,
        section: write::SymbolSection::Undefined,
        flags: SymbolFlags::None,
    }
}

/// The object that puts a crate's metadata into its dylib, where rustc looks for it: the section
/// `.rustc` with a header of its own before the metadata
/// (`rustc_codegen_ssa::back::metadata::create_compressed_metadata_file`, 1.95). `like` is an
/// object for the same target.
///
/// # Errors
/// If `like` is no object file.
pub fn metadata_object(like: &[u8], symbol: &str, metadata: &[u8]) -> Result<Vec<u8>> {
    let like = object::File::parse(like).context("`symbols.o` is no object file")?;
    let mut object = write::Object::new(BinaryFormat::Elf, like.architecture(), like.endianness());
    object.flags = like.flags();
    let section = object.add_section(Vec::new(), b".rustc".to_vec(), SectionKind::ReadOnlyData);
    // Not loaded when the dylib is.
    object.section_mut(section).flags = object::SectionFlags::Elf { sh_flags: 0 };
    let mut data = Vec::with_capacity(metadata.len() + 16);
    data.extend_from_slice(metadata.get(..8).context("the metadata ends too early")?);
    data.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
    data.extend_from_slice(metadata);
    let offset = object.append_section_data(section, &data, 1);
    object.add_symbol(write::Symbol {
        name: symbol.as_bytes().to_vec(),
        value: offset,
        size: data.len() as u64,
        kind: SymbolKind::Data,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: write::SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    Ok(object.write()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Architecture, Endianness};

    #[test]
    fn version_scripts() {
        let script = "{\n  global:\n    a;\n    \"b\";\n\n  local:\n    *;\n};\n";
        assert_eq!(reduce_version_script(script, |name| name == "b"), "{\n  global:\n    \"b\";\n\n  local:\n    *;\n};\n");
        assert_eq!(reduce_version_script(script, |_| true), script);
        let none = reduce_version_script(script, |_| false);
        assert_eq!(none, "{\n\n  local:\n    *;\n};\n");
        assert_eq!(add_to_version_script(&none, "m"), "{\n  global:\n    m;\n\n  local:\n    *;\n};\n");
        assert!(add_to_version_script(script, "m").starts_with("{\n  global:\n    m;\n    a;\n"));
    }

    #[test]
    fn symbol_objects() {
        let mut original = write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        for name in ["a", "b", "item", "item"] {
            original.add_symbol(undefined(name.into(), SymbolKind::Text));
        }
        let original = original.write().unwrap();
        let reduced = reduce_symbols_object(&original, |name| name == b"b").unwrap();
        let names: Vec<_> = object::File::parse(&*reduced).unwrap().symbols().map(|s| s.name().unwrap().to_owned()).collect();
        assert_eq!(names.iter().filter(|name| !name.is_empty()).collect::<Vec<_>>(), ["b", "item"]);
        let metadata = metadata_object(&original, "rust_metadata_a", b"rust\0\0\0\x0a and more").unwrap();
        let object = object::File::parse(&*metadata).unwrap();
        let section = object.section_by_name(".rustc").unwrap();
        assert_eq!(section.data().unwrap(), b"rust\0\0\0\x0a\x11\0\0\0\0\0\0\0rust\0\0\0\x0a and more");
    }
}
