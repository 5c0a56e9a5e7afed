//! In which format a target's objects are, by the target's name.

use crate::rustc::args::RustcArgs;
use std::fs;

/// The targets of WebAssembly that are linked: they have rustc's own linker, `rust-lld -flavor wasm`.
pub(crate) const WEB_ASSEMBLY: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip1"];

/// The format of the objects of `target` if what is made of them is not linked here.
pub(crate) fn not_linked(target: &str) -> Option<&'static str> {
    other_than_elf(target).filter(|_| !WEB_ASSEMBLY.contains(&target))
}

/// The format of the objects of the target of a command, if it is another than ELF.
pub(crate) fn of_command(args: &RustcArgs) -> Option<&'static str> {
    args.values("target").next_back().and_then(other_than_elf)
}

/// The format of the objects of `target`, a triple or a file that specifies a target, if it is known
/// to be another than ELF (`rustc_target::spec::BinaryFormat`, 1.95).
fn other_than_elf(target: &str) -> Option<&'static str> {
    let specified = target.ends_with(".json").then(|| fs::read_to_string(target).ok()).flatten();
    let specified = specified.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let triple = specified.as_ref().and_then(|value| value["llvm-target"].as_str()).unwrap_or(target);
    let mut parts = triple.split('-');
    let architecture = parts.next().unwrap_or_default();
    let has = |names: &[&str]| parts.clone().any(|part| names.iter().any(|name| part.starts_with(name)));
    if architecture.starts_with("wasm") {
        Some("WebAssembly")
    } else if has(&["apple", "darwin", "macos", "ios", "tvos", "watchos", "visionos"]) {
        Some("Mach-O")
    } else if has(&["windows", "win7", "uefi", "cygwin", "mingw"]) {
        Some("COFF")
    } else if has(&["aix"]) {
        Some("XCOFF")
    } else if architecture.starts_with("nvptx") {
        Some("PTX")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_triple() {
        assert!(not_linked("wasm32-wasip1").is_none() && not_linked("wasm32-wasip2").is_some());
        let table = [
            ("x86_64-unknown-linux-gnu", None),
            ("aarch64-unknown-linux-musl", None),
            ("armv7-unknown-linux-gnueabihf", None),
            ("thumbv7em-none-eabihf", None),
            ("x86_64-unknown-freebsd", None),
            ("wasm32-wasip1", Some("WebAssembly")),
            ("wasm32-unknown-unknown", Some("WebAssembly")),
            ("wasm32-wasip2", Some("WebAssembly")),
            ("x86_64-pc-windows-gnu", Some("COFF")),
            ("x86_64-win7-windows-msvc", Some("COFF")),
            ("aarch64-unknown-uefi", Some("COFF")),
            ("aarch64-apple-darwin", Some("Mach-O")),
            ("powerpc64-ibm-aix", Some("XCOFF")),
            ("nvptx64-nvidia-cuda", Some("PTX")),
        ];
        for (target, format) in table {
            assert_eq!(other_than_elf(target), format, "{target}");
        }
        let file = std::env::temp_dir().join(format!("splitlink-target-{}.json", std::process::id()));
        fs::write(&file, r#"{"llvm-target": "arm64-apple-macosx11.0.0"}"#).unwrap();
        assert_eq!(other_than_elf(&file.to_string_lossy()), Some("Mach-O"));
        fs::remove_file(file).unwrap();
    }
}
