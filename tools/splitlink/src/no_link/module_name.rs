//! What rustc's object files hold, told by their names and, where names do not tell, by what they
//! define.
//!
//! A codegen unit is named `<crate>.<hash>-cgu.<number>`
//! (`rustc_monomorphize::partitioning::merge_codegen_units`, 1.95), and by a bare hash where it is
//! compiled incrementally (`rustc_middle::mir::mono::CodegenUnit::mangle_name`). The allocator shim
//! always has a bare hash. What precedes it is the output's name, and what follows it in an
//! incremental run is of that run only
//! (`rustc_session::config::OutputFilenames::temp_path_ext_for_cgu`, 1.95; 1.85 adds nothing).

use super::capture::Invocation;
use crate::files::archive::{Archive, file_name};
use crate::files::object_symbols;
use crate::lto::bitcode;
use std::fs;
use std::path::Path;

/// Part of the name of a symbol that every allocator shim defines, and nothing else
/// (`rustc_codegen_llvm::allocator::codegen`, by the name that
/// `rustc_ast::expand::allocator::NO_ALLOC_SHIM_IS_UNSTABLE` has in 1.95).
const OF_SHIM: &[u8] = b"__rust_no_alloc_shim_is_unstable";

/// The least length of a codegen unit's hash; what is of one run only is shorter.
const SHORTEST_HASH: usize = 16;

/// What a file named `….rcgu.o` holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// A codegen unit, by its name.
    CodegenUnit(String),
    /// A codegen unit or the allocator shim, by its hash.
    Hashed(String),
}

/// What rustc's object file `name` holds, as far as that tells.
pub(crate) fn module_name(name: &str) -> Option<Module> {
    let stem = name.strip_suffix(".rcgu.o")?;
    if let Some((before, after)) = stem.rsplit_once("-cgu.") {
        let number: String = after.chars().take_while(char::is_ascii_digit).collect();
        // `before` is `<output stem>.<crate>.<hash>`; the output's name may have dots of its own.
        let mut parts = before.rsplit('.');
        let hash = parts.next()?;
        let crate_name = parts.next()?;
        return Some(Module::CodegenUnit(format!("{crate_name}.{hash}-cgu.{number}")));
    }
    let mut last = stem.rsplit('.').take(2);
    let is_hash = |part: &&str| part.len() >= SHORTEST_HASH && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let hash = last.clone().find(is_hash).or_else(|| last.next())?;
    Some(Module::Hashed(hash.to_owned()))
}

/// Which argument of the linker's call is the allocator shim: the last of those with a hash for a
/// name, for rustc gives it behind all codegen units
/// (`rustc_codegen_ssa::back::link::add_local_crate_allocator_objects`, 1.95). Where codegen units have such names as
/// well, the last one may be no shim.
pub(crate) fn allocator_shim(call: &Invocation, is_incremental: bool) -> Option<&str> {
    let is_hashed = |path: &str| matches!(module_name(&file_name(Path::new(path))), Some(Module::Hashed(_)));
    let last = call.args.iter().rev().find(|arg| is_hashed(arg))?;
    let saved = call.saved.get(last)?;
    (!is_incremental || fs::read(saved).is_ok_and(|bytes| is_allocator_shim(&bytes))).then_some(last)
}

/// The same of the members of an archive, by their numbers.
pub(crate) fn allocator_shim_in(archive: &Archive, is_incremental: bool) -> Option<usize> {
    archive.members.iter().rposition(|member| {
        matches!(module_name(&member.name), Some(Module::Hashed(_))) && (!is_incremental || is_allocator_shim(archive.contents(member)))
    })
}

/// `name` of a module without what is of one incremental run only.
pub(crate) fn of_any_run(name: &str) -> String {
    let Some(Module::Hashed(hash)) = module_name(name) else { return name.to_owned() };
    let end = name.rfind(&hash).map_or(name.len(), |at| at + hash.len());
    format!("{}.rcgu.o", &name[..end])
}

/// Whether the last module of a crate is the allocator shim.
///
/// Bitcode does not say here what of its names it defines. But whatever refers to the shim's symbol
/// is linked with the shim, so the last module that names it is the shim.
fn is_allocator_shim(bytes: &[u8]) -> bool {
    if bitcode::is_bitcode(bytes) {
        return contains(bytes, OF_SHIM);
    }
    object_symbols::defined(bytes).is_ok_and(|names| names.into_iter().flatten().any(|name| contains(name, OF_SHIM)))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Module::{CodegenUnit, Hashed};

    #[test]
    fn names() {
        let table = [
            ("app.app.f19b1e2d3c4b5a69-cgu.0.rcgu.o", Some(CodegenUnit("app.f19b1e2d3c4b5a69-cgu.0".into()))),
            ("app.v1.2.app.f19b1e2d3c4b5a69-cgu.12.rcgu.o", Some(CodegenUnit("app.f19b1e2d3c4b5a69-cgu.12".into()))),
            ("app.ej3brd.rcgu.o", Some(Hashed("ej3brd".into()))),
            ("app.dmtvzyz5hy0twkjk7jnltd696.rcgu.o", Some(Hashed("dmtvzyz5hy0twkjk7jnltd696".into()))),
            ("app.0bgcjqxrizy2bxs85aolul4on.1y0u8jb.rcgu.o", Some(Hashed("0bgcjqxrizy2bxs85aolul4on".into()))),
            ("app.file.0bgcjqxrizy2bxs85aolul4on.1y0u8jb.rcgu.o", Some(Hashed("0bgcjqxrizy2bxs85aolul4on".into()))),
            ("app.o", None),
        ];
        for (name, expected) in table {
            assert_eq!(module_name(name), expected, "{name}");
        }
        assert_eq!(of_any_run("app.file.0bgcjqxrizy2bxs85aolul4on.1y0u8jb.rcgu.o"), "app.file.0bgcjqxrizy2bxs85aolul4on.rcgu.o");
        for other in ["app.app.f19b1e2d3c4b5a69-cgu.0.rcgu.o", "app.dmtvzyz5hy0twkjk7jnltd696.rcgu.o", "z.o"] {
            assert_eq!(of_any_run(other), other);
        }
    }

    #[test]
    fn what_defines_the_shims_symbol() {
        use object::{BinaryFormat, write};
        let object = |format: BinaryFormat, section: bool| {
            let mut object = write::Object::new(format, object::Architecture::X86_64, object::Endianness::Little);
            let text = object.section_id(write::StandardSection::Text);
            object.add_symbol(write::Symbol {
                name: b"_RNvCsf_7___rustc35___rust_no_alloc_shim_is_unstable_v2".to_vec(),
                value: 0,
                size: 0,
                kind: object::SymbolKind::Text,
                scope: object::SymbolScope::Linkage,
                weak: false,
                section: if section { write::SymbolSection::Section(text) } else { write::SymbolSection::Undefined },
                flags: object::SymbolFlags::None,
            });
            object.write().unwrap()
        };
        let bitcode = |names: &str| [b"BC\xc0\xde", names.as_bytes()].concat();
        let table = [
            (object(BinaryFormat::Elf, true), true),
            (object(BinaryFormat::Elf, false), false),
            (object(BinaryFormat::MachO, true), true),
            (object(BinaryFormat::MachO, false), false),
            (bitcode("a_RNvCsf_7___rustc35___rust_no_alloc_shim_is_unstable_v2b"), true),
            (bitcode("main"), false),
            (b"no object".to_vec(), false),
        ];
        for (bytes, expected) in table {
            assert_eq!(is_allocator_shim(&bytes), expected);
        }
    }
}
