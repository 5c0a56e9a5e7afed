//! What takes part in LTO, and what stays machine code.
//!
//! These take part: the crate's own modules and allocator shim; each statically linked crate; the
//! standard library's crates, whose bitcode is in a section beside their machine code; and objects
//! of other languages that are bitcode.
//!
//! These stay machine code: `compiler_builtins`, whose functions code generation calls after LTO;
//! `#![no_builtins]` crates, which rustc writes as machine code for that reason; and objects that
//! have no bitcode.

use super::request::Bitcode;
use super::{Remainder, bitcode, members};
use crate::files::archive::{Archive, Builder};
use crate::files::{rlib, wasm};
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, str};

/// The inputs of one run.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The bitcode, in the order of the link line.
    pub modules: Vec<Bitcode>,
    /// The symbols that machine code refers to.
    pub needed: BTreeSet<String>,
    /// Which of the modules are allocator shims.
    pub allocator_shims: BTreeSet<String>,
    /// Whether code is generated for WebAssembly.
    pub is_web_assembly: bool,
    /// See [`super::Optimised::remainders`].
    pub remainders: HashMap<PathBuf, Remainder>,
    /// The crate's own modules. Those of a staticlib have names of their own, and may be the same.
    own: Vec<Vec<u8>>,
    own_names: BTreeSet<String>,
    /// Which LLVM wrote each module, to compare once that of the own ones is known.
    producers: Vec<(u32, String)>,
}

impl Inputs {
    /// Adds the crate's own module `path`, called `name`.
    ///
    /// # Errors
    /// If it cannot be read, or does not say which LLVM wrote it.
    pub fn add_own(&mut self, name: &str, path: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("cannot read the module `{}`", path.display()))?;
        match bitcode::range(&bytes) {
            Some(range) => {
                if !self.own.contains(&bytes) {
                    self.add_module(name, path, &bytes[range.clone()], range.start, false)?;
                    self.own.push(bytes);
                    self.own_names.insert(name.to_owned());
                }
                self.remainders.insert(path.to_owned(), Remainder::Nothing);
            }
            None => self.add_native(&bytes).with_context(|| format!("cannot use the module `{}`", path.display()))?,
        }
        Ok(())
    }

    /// Adds the archive or object `path`, of which messages say `name`. `whole` says that all of it
    /// is linked, needed or not, as an object always is. What in it has no bitcode goes into an
    /// archive in `dir`.
    ///
    /// # Errors
    /// If it cannot be read, or holds bitcode that does not say which LLVM wrote it.
    pub fn add_archive(&mut self, name: &str, path: &Path, whole: bool, dir: &Path) -> Result<()> {
        if self.remainders.contains_key(path) {
            return Ok(());
        }
        let archive = members(path)?;
        let whole = whole || archive.is_object();
        let mut native = BTreeSet::new();
        let mut any_bitcode = false;
        for member in archive.members.iter().filter(|member| !rlib::is_metadata(&member.name)) {
            let contents = archive.contents(member);
            match bitcode::range(contents) {
                Some(range) => {
                    any_bitcode = true;
                    let offset = member.offset + range.start;
                    self.add_module(&format!("{name}({})", member.name), path, &contents[range], offset, !whole)?;
                }
                None => {
                    self.add_native(contents).with_context(|| format!("cannot use `{}` of `{}`", member.name, path.display()))?;
                    native.insert(member.offset);
                }
            }
        }
        if any_bitcode {
            self.remainders.insert(path.to_owned(), remainder(&archive, &native, path, dir)?);
        }
        Ok(())
    }

    /// Adds the archive `path`, all of which stays machine code.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn add_native_archive(&mut self, path: &Path) -> Result<()> {
        let archive = members(path)?;
        for member in &archive.members {
            self.add_native(archive.contents(member)).with_context(|| format!("cannot use `{}` of `{}`", member.name, path.display()))?;
        }
        Ok(())
    }

    /// Checks that the LLVM of the Rust toolchain, which wrote the crate's own modules, can read
    /// all others: LLVM reads what an older one wrote, not what a newer one did.
    ///
    /// # Errors
    /// If it cannot read one.
    pub fn check_producers(&self) -> Result<()> {
        let own = self.modules.iter().position(|module| self.own_names.contains(&module.name));
        let Some((major, rust)) = own.map(|at| &self.producers[at]) else { return Ok(()) };
        let newer = self.modules.iter().zip(&self.producers).find(|(_, (other, _))| other > major);
        if let Some((module, (_, producer))) = newer {
            bail!(
                "`{}` is bitcode of a newer LLVM: {producer} wrote it, and the Rust toolchain has {rust}\n  \
                 help: LLVM reads bitcode of its own major version and of older ones; compile it with LLVM {major} or an older one, or without LTO",
                module.name
            );
        }
        Ok(())
    }

    /// Checks that one LLVM wrote all modules, as the parts of distributed thin LTO take them: that of
    /// the Rust toolchain.
    ///
    /// # Errors
    /// If another compiler wrote one.
    pub fn check_one_producer(&self) -> Result<()> {
        let own = self.modules.iter().position(|module| self.own_names.contains(&module.name)).unwrap_or(0);
        let Some((_, rust)) = self.producers.get(own) else { return Ok(()) };
        let other = self.modules.iter().zip(&self.producers).find(|(_, (_, producer))| producer != rust);
        if let Some((module, (_, producer))) = other {
            bail!(
                "`{}` is bitcode that {producer} wrote, and the Rust toolchain has {rust}: distributed thin LTO takes that alone\n  \
                 help: compile it without LTO, or optimise in one action, without distributed thin LTO",
                module.name
            );
        }
        Ok(())
    }

    fn add_native(&mut self, object: &[u8]) -> Result<()> {
        if object.starts_with(wasm::MAGIC) {
            self.needed.extend(wasm::undefined_symbols(object)?.into_iter().map(str::to_owned));
            return Ok(());
        }
        let Ok(object) = object::File::parse(object) else { return Ok(()) };
        for symbol in object.symbols().filter(|symbol| symbol.is_undefined()) {
            if let Ok(name) = symbol.name()
                && !name.is_empty()
            {
                self.needed.insert(name.to_owned());
            }
        }
        Ok(())
    }

    fn add_module(&mut self, name: &str, file: &Path, bytes: &[u8], offset: usize, on_demand: bool) -> Result<()> {
        self.producers.push(bitcode::major(bytes).with_context(|| format!("cannot use the bitcode of `{name}`"))?);
        self.is_web_assembly |= bitcode::is_web_assembly(bytes);
        // rustc has what is in custom sections of every crate, needed or not (`-Clto`, 1.95).
        let on_demand = on_demand && !(self.is_web_assembly && bitcode::has_custom_sections(bytes));
        self.modules.push(Bitcode { name: name.to_owned(), file: file.to_owned(), offset, length: bytes.len(), on_demand });
        Ok(())
    }
}

/// The members of `archive`, which is the file `path`, that begin at `offsets`, as an archive in
/// `dir`.
fn remainder(archive: &Archive, offsets: &BTreeSet<usize>, path: &Path, dir: &Path) -> Result<Remainder> {
    if offsets.is_empty() {
        return Ok(Remainder::Nothing);
    }
    let name = path.file_name().and_then(|name| name.to_str()).context("a library's file name is no text")?;
    // One linked as an object has to stay one.
    let name = if archive.is_object() || name.ends_with(".o") { format!("{name}.a") } else { name.to_owned() };
    let mut to = dir.join(&name);
    for number in 1.. {
        if !to.exists() {
            break;
        }
        to = dir.join(format!("{number}-{name}"));
    }
    let mut builder = Builder::default();
    builder.add_members(archive, |member| offsets.contains(&member.offset));
    builder.write(&to)?;
    Ok(Remainder::Archive(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitcode_of_other_llvms() {
        let dir = std::env::temp_dir().join(format!("splitlink-lto-inputs-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let ours = include_bytes!("identification.bc");
        fs::write(dir.join("a.o"), ours).unwrap();
        fs::write(dir.join("c.o"), ours).unwrap();
        let mut inputs = Inputs::default();
        // One that stands before the crate's own.
        inputs.add_archive("c.o", &dir.join("c.o"), false, &dir).unwrap();
        inputs.add_own("a.o", &dir.join("a.o")).unwrap();
        inputs.producers[0] = (23, "LLVM23.0.0".into());
        let message = inputs.check_producers().unwrap_err().to_string();
        for part in ["`c.o(c.o)`", "LLVM23.0.0 wrote it", "LLVM22.1.2-rust-1.95.0-stable", "help:"] {
            assert!(message.contains(part), "{part} in {message}");
        }
        inputs.producers[0] = (14, "LLVM14.0.6".into());
        inputs.check_producers().unwrap();
        fs::remove_dir_all(dir).unwrap();
    }
}
