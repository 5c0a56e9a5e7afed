#!/usr/bin/env bash
# object 0.39.1: the file range of a WebAssembly section is its start and its end.
#
# `ObjectSection::file_range` is documented to give the offset and the size of a section in the
# file, and gives these for ELF, COFF and Mach-O. For WebAssembly the second number is where the
# section ends. Who takes it for the size, as documented, reads beyond the section: beyond the file
# for all that lies in its second half, and too much without an error for the rest. `data` gives the
# right bytes.
#
# For a split build: rustc wraps a library's metadata in an object of the target's format. A tool
# that finds it by `file_range`, to read a part of a large file only, is right for every format but
# this one.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust

mkdir src
cat >Cargo.toml <<'EOF'
[package]
name = "sections"
version = "0.1.0"
edition = "2021"

[dependencies]
object = { version = "=0.39.1", default-features = false, features = ["read", "wasm", "elf", "write_core"] }
EOF
cat >src/main.rs <<'EOF'
use object::{write, Architecture, BinaryFormat, Endianness, Object, ObjectSection, SectionKind};

// Where the contents of the section are said to be, and where they are.
fn main() {
    let contents = b"contents";
    let mut elf = write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let section = elf.add_section(Vec::new(), b"mine".to_vec(), SectionKind::Other);
    elf.append_section_data(section, contents, 1);
    // Magic number, version; a custom section (0) of 13 bytes, whose name has 4.
    let wasm = [&b"\0asm\x01\0\0\0"[..], &[0, 13, 4], b"mine", contents].concat();
    for (format, bytes) in [("ELF", elf.write().unwrap()), ("WebAssembly", wasm)] {
        let file = object::File::parse(&*bytes).unwrap();
        let section = file.section_by_name("mine").unwrap();
        let start = bytes.windows(contents.len()).position(|part| part == contents).unwrap() as u64;
        let (offset, size) = section.file_range().unwrap();
        let second = if size == contents.len() as u64 {
            "the size"
        } else if size == start + contents.len() as u64 {
            "the end"
        } else {
            "something else"
        };
        println!("{format}: offset {}, second number {second}", if offset == start { "right" } else { "wrong" });
    }
}
EOF
rustup run 1.95.0 cargo build --quiet >build.log 2>&1 || {
  cat build.log >&2
  fail "the program cannot be built" "check the network: cargo downloads object 0.39.1"
}
sees "an ELF section" "ELF: offset right, second number the size" "$(target/debug/sections | sed -n 1p)"
sees "a WebAssembly section" "WebAssembly: offset right, second number the end" "$(target/debug/sections | sed -n 2p)"
verdict
