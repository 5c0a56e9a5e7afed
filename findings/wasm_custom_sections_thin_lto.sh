#!/usr/bin/env bash
# rust-lld 22.1 (of rustc 1.95.0): thin LTO for WebAssembly puts a crate's custom section into the
# module once more for each module that imports a function of that crate.
#
# A `#[link_section]` static is a custom section of the WebAssembly module. Tools that read such
# sections, as wasm-bindgen's, count on each crate's part being there once. With
# `-Clinker-plugin-lto` the linker does thin LTO: to inline a function of another module it imports
# that function. Custom sections are named metadata of a module, and come along as a whole with the
# first function. So a crate's part is there twice or more, and how often depends on what was
# inlined. Without LTO, and with rustc's own thin LTO (`-Clto=thin`), it is there once.
#
# For a split build: who lets lld do the thin LTO must keep modules with custom sections from being
# imported from.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
target=wasm32-unknown-unknown
[ -e "$("${rustc[@]}" --print sysroot)/lib/rustlib/$target/lib" ] ||
  fail "the toolchain 1.95.0 has no standard library for $target" "rustup target add --toolchain 1.95.0 $target"

cat >dep.rs <<'EOS'
#![no_std]
#[used]
#[link_section = "mine"]
static MINE: [u8; 4] = *b"dep!";
#[inline(never)]
fn steps(x: u32) -> u32 { if x == 0 { 1 } else { x.wrapping_mul(steps(x - 1)) } }
pub fn small(x: u32) -> u32 { steps(x) + 1 }
EOS
cat >library.rs <<'EOS'
#![no_std]
#[used]
#[link_section = "mine"]
static MINE: [u8; 4] = *b"lib!";
#[no_mangle]
pub extern "C" fn answer(x: u32) -> u32 { dep::small(x) }
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
EOS

# parts OF_DEP OF_LIBRARY: the crates' parts of the section, sorted, with these flags.
parts() {
  # shellcheck disable=SC2086 # a word for each flag
  "${rustc[@]}" --target=$target -O $1 --crate-type=rlib -Ccodegen-units=4 dep.rs &&
    "${rustc[@]}" --target=$target -O $2 --crate-type=cdylib library.rs --extern dep=libdep.rlib
  tr -c '[:alnum:]!' '\n' <library.wasm | grep '^mine' | grep -o '...!' | sort | paste -s -d' '
}
sees "without LTO" "dep! lib!" "$(parts "" "")"
sees "rustc's thin LTO" "dep! lib!" "$(parts "" -Clto=thin)"
sees "the linker's thin LTO" "dep! dep! lib!" "$(parts -Clinker-plugin-lto -Clinker-plugin-lto)"
verdict
