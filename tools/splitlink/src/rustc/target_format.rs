//! In which format a target's objects are, by the target's name.

use crate::plan::crate_type::CrateType;
use crate::rustc::args::RustcArgs;
use std::fs;

/// A format of objects other than ELF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    WebAssembly,
    MachO,
    Coff,
    Xcoff,
    Ptx,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WebAssembly => "WebAssembly",
            Self::MachO => "Mach-O",
            Self::Coff => "COFF",
            Self::Xcoff => "XCOFF",
            Self::Ptx => "PTX",
        })
    }
}

/// The crate types that are linked where a dylib of Rust is not.
const WITHOUT_DYLIBS: &[CrateType] = &[CrateType::Bin, CrateType::Cdylib, CrateType::Staticlib];

/// The targets with other objects than ELF that are linked, and the crate types that are.
pub(crate) const LINKED: [(&str, &[CrateType]); 5] = [
    // They have rustc's own linker, `rust-lld -flavor wasm`.
    ("wasm32-unknown-unknown", WITHOUT_DYLIBS),
    ("wasm32-wasip1", WITHOUT_DYLIBS),
    ("x86_64-pc-windows-gnu", &[CrateType::Bin, CrateType::Cdylib, CrateType::Dylib, CrateType::ProcMacro, CrateType::Staticlib]),
    ("aarch64-apple-darwin", WITHOUT_DYLIBS),
    ("x86_64-apple-darwin", WITHOUT_DYLIBS),
];

/// The format of the objects of `target` if a crate of this type is not linked of them here.
pub(crate) fn not_linked(target: &str, crate_type: CrateType) -> Option<Format> {
    other_than_elf(target).filter(|_| !LINKED.iter().any(|(linked, types)| *linked == target && types.contains(&crate_type)))
}

/// The linker that rustc calls for `target` when it is not told one and is to call a compiler
/// driver (`rustc_target::spec`, 1.95).
pub(crate) fn default_driver(target: Option<&str>) -> &'static str {
    if target == Some("x86_64-pc-windows-gnu") { "x86_64-w64-mingw32-gcc" } else { "cc" }
}

/// The format of the objects of the target of a command, if it is another than ELF.
pub(crate) fn of_command(args: &RustcArgs) -> Option<Format> {
    args.values("target").next_back().and_then(other_than_elf)
}

/// The format of the objects of `target`, a triple or a file that specifies a target, if it is known
/// to be another than ELF (`rustc_target::spec::BinaryFormat`, 1.95).
fn other_than_elf(target: &str) -> Option<Format> {
    let specified = target.ends_with(".json").then(|| fs::read_to_string(target).ok()).flatten();
    let specified = specified.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let triple = specified.as_ref().and_then(|value| value["llvm-target"].as_str()).unwrap_or(target);
    let mut parts = triple.split('-');
    let architecture = parts.next().unwrap_or_default();
    let has = |names: &[&str]| parts.clone().any(|part| names.iter().any(|name| part.starts_with(name)));
    if architecture.starts_with("wasm") {
        Some(Format::WebAssembly)
    } else if has(&["apple", "darwin", "macos", "ios", "tvos", "watchos", "visionos"]) {
        Some(Format::MachO)
    } else if has(&["windows", "win7", "uefi", "cygwin", "mingw"]) {
        Some(Format::Coff)
    } else if has(&["aix"]) {
        Some(Format::Xcoff)
    } else if architecture.starts_with("nvptx") {
        Some(Format::Ptx)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_triple() {
        let table = [
            ("wasm32-wasip1", CrateType::Bin, None),
            ("wasm32-wasip2", CrateType::Bin, Some(Format::WebAssembly)),
            ("x86_64-pc-windows-gnu", CrateType::Cdylib, None),
            ("x86_64-pc-windows-gnu", CrateType::Dylib, None),
            ("x86_64-pc-windows-msvc", CrateType::Bin, Some(Format::Coff)),
            ("aarch64-apple-darwin", CrateType::Bin, None),
            ("aarch64-apple-darwin", CrateType::Dylib, Some(Format::MachO)),
            ("aarch64-apple-ios", CrateType::Bin, Some(Format::MachO)),
            ("x86_64-unknown-linux-gnu", CrateType::Dylib, None),
        ];
        for (target, crate_type, format) in table {
            assert_eq!(not_linked(target, crate_type), format, "a {crate_type} for {target}");
        }
        assert_eq!([None, Some("x86_64-pc-windows-gnu")].map(default_driver), ["cc", "x86_64-w64-mingw32-gcc"]);
        let table = [
            ("x86_64-unknown-linux-gnu", None),
            ("aarch64-unknown-linux-musl", None),
            ("armv7-unknown-linux-gnueabihf", None),
            ("thumbv7em-none-eabihf", None),
            ("x86_64-unknown-freebsd", None),
            ("wasm32-wasip1", Some(Format::WebAssembly)),
            ("wasm32-unknown-unknown", Some(Format::WebAssembly)),
            ("wasm32-wasip2", Some(Format::WebAssembly)),
            ("x86_64-pc-windows-gnu", Some(Format::Coff)),
            ("x86_64-win7-windows-msvc", Some(Format::Coff)),
            ("aarch64-unknown-uefi", Some(Format::Coff)),
            ("aarch64-apple-darwin", Some(Format::MachO)),
            ("powerpc64-ibm-aix", Some(Format::Xcoff)),
            ("nvptx64-nvidia-cuda", Some(Format::Ptx)),
        ];
        for (target, format) in table {
            assert_eq!(other_than_elf(target), format, "{target}");
        }
        let file = std::env::temp_dir().join(format!("splitlink-target-{}.json", std::process::id()));
        fs::write(&file, r#"{"llvm-target": "arm64-apple-macosx11.0.0"}"#).unwrap();
        assert_eq!(other_than_elf(&file.to_string_lossy()), Some(Format::MachO));
        fs::remove_file(file).unwrap();
    }
}
