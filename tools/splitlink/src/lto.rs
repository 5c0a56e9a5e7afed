//! LTO in link-only: the linker of the Rust toolchain optimises and generates code for all bitcode that is linked, the standard
//! library's included, in parallel.
//!
//! It is the toolchain's own `rust-lld` in every case: it and what rustc writes are the same LLVM.

use crate::archive::{Archive, Builder};
use crate::link_line;
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use std::path::Path;

/// How link-time optimisation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Lto {
    /// Not at all.
    Off,
    /// Module by module, with summaries of all others, in parallel.
    Thin,
}

/// The section in which rustc keeps a module's bitcode beside its machine code (`rustc_codegen_llvm::back::write::embed_bitcode`, 1.95).
const BITCODE_SECTION: &str = ".llvmbc";

/// Whether a crate of the sysroot stays out of LTO: calls to what these define come into being when code is generated, after LTO.
pub fn stays_native(id: &str) -> bool {
    link_line::is_always_static(id)
}

/// Writes to `to` the rlib `rlib` with each object exchanged for the bitcode that it carries; an object that carries none stays.
///
/// # Errors
/// If an object cannot be read or the archive not be written.
pub fn write_bitcode_archive(rlib: &Path, to: &Path) -> Result<()> {
    let archive = Archive::read(rlib)?;
    let mut builder = Builder::default();
    for member in archive.members.iter().filter(|member| !crate::rlib::is_metadata(&member.name)) {
        let contents = archive.contents(member);
        let object = object::File::parse(contents);
        let bitcode = object.as_ref().ok().and_then(|object| object.section_by_name(BITCODE_SECTION));
        let data = match &bitcode {
            Some(section) => {
                section.data().with_context(|| format!("cannot read the bitcode in `{}` of `{}`", member.name, rlib.display()))?
            }
            None => contents,
        };
        // Empty where rustc was told to embed none.
        builder.add_bytes(&member.name, if data.is_empty() { contents } else { data }.to_vec());
    }
    builder.write(to)
}

/// What LTO does not do yet.
///
/// # Errors
/// If this link would need it.
pub fn refuse_unsupported(crate_type: &str, dynamic: Option<&str>) -> Result<()> {
    if !matches!(crate_type, "bin" | "cdylib" | "proc-macro") {
        bail!("splitlink does no LTO of a {crate_type} yet\n  help: link it, and compile everything below it, without `--lto`");
    }
    if let Some(dynamic) = dynamic {
        bail!(
            "splitlink does no LTO yet where a crate is linked dynamically, as `{dynamic}` is\n  help: link without `--lto`, or everything statically"
        );
    }
    Ok(())
}

/// What makes the linker do it, given its other arguments: flags to add at the end.
///
/// # Errors
/// If the toolchain has no linker for it.
pub fn linker_flags(args: &mut Vec<String>, called_as_compiler: bool, sysroot_bin: &Path, cache: Option<&Path>) -> Result<()> {
    let mut flags = vec!["--thinlto-jobs=all".to_owned()];
    if let Some(cache) = cache {
        flags.push(format!("--thinlto-cache-dir={}", cache.display()));
        flags.push(format!("--thinlto-cache-policy={CACHE_POLICY}"));
    }
    if !called_as_compiler {
        args.extend(flags);
        return Ok(());
    }
    // Whatever linker the user's flags name, the bitcode is rustc's.
    let wrapper = sysroot_bin.join("gcc-ld");
    if !wrapper.is_dir() {
        bail!(
            "the toolchain has no linker for LTO: `{}` does not exist\n  help: `rust-lld` and its `gcc-ld` folder come with Rust's own toolchains; is it among the action's inputs?",
            wrapper.display()
        );
    }
    args.retain(|arg| !arg.starts_with("-fuse-ld="));
    args.extend([format!("-B{}", wrapper.display()), "-fuse-ld=lld".to_owned()]);
    args.extend(flags.into_iter().map(|flag| format!("-Wl,{flag}")));
    Ok(())
}

/// What the cache may keep: entries unused for a week go, and it takes no more than a tenth of the free disk.
const CACHE_POLICY: &str = "prune_after=604800s:cache_size=10%";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_exchanged_for_their_bitcode() {
        use object::write::Object;
        use object::{Architecture, BinaryFormat, Endianness, SectionKind};
        let object = |bitcode: Option<&[u8]>| {
            let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
            if let Some(bitcode) = bitcode {
                let section = object.add_section(Vec::new(), BITCODE_SECTION.into(), SectionKind::Other);
                object.append_section_data(section, bitcode, 1);
            }
            object.write().unwrap()
        };
        let dir = std::env::temp_dir().join(format!("splitlink-lto-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut rlib = Builder::default();
        rlib.add_bytes("lib.rmeta", b"metadata".to_vec());
        for (name, bitcode) in [("with.o", Some(&b"BC\xc0\xde and so on"[..])), ("empty.o", Some(b"")), ("without.o", None)] {
            rlib.add_bytes(name, object(bitcode));
        }
        rlib.write(&dir.join("libx.rlib")).unwrap();
        write_bitcode_archive(&dir.join("libx.rlib"), &dir.join("libx.a")).unwrap();
        let made = Archive::read(&dir.join("libx.a")).unwrap();
        let members: Vec<_> = made.members.iter().map(|m| (m.name.as_str(), made.contents(m).to_vec())).collect();
        let expected = [("with.o", b"BC\xc0\xde and so on".to_vec()), ("empty.o", object(Some(b""))), ("without.o", object(None))];
        assert_eq!(members, expected);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn flags_for_either_kind_of_linker() {
        let mut args = vec!["-shared".to_owned()];
        linker_flags(&mut args, false, Path::new("absent"), Some(Path::new("cache"))).unwrap();
        assert_eq!(args[..3], ["-shared", "--thinlto-jobs=all", "--thinlto-cache-dir=cache"]);
        let message = linker_flags(&mut args, true, Path::new("absent"), None).unwrap_err().to_string();
        assert!(message.contains("absent/gcc-ld") && message.contains("help:"), "{message}");
    }
}
