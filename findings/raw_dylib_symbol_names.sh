#!/usr/bin/env bash
# rustc 1.95.0 and dlltool 2.40: a library that imports by `raw-dylib` has other bytes each time.
#
# For `#[link(kind = "raw-dylib")]` on x86_64-pc-windows-gnu rustc has MinGW's dlltool write an
# import library, and puts its objects into the rlib. dlltool makes symbols of the path that it is
# told to write to, as a whole. rustc tells it one in a temporary folder of a random name. So the
# rlib holds the folder of the build and six random letters, in the names of symbols: the same
# command, the same sources and the same folder give other bytes each time. `--remap-path-prefix` and
# SOURCE_DATE_EPOCH change nothing, and programs that are not stripped have these names, too. Those
# of Rust's own standard library tell where it was built. A library that declares the same functions
# without `raw-dylib` is the same each time.
#
# For a split build: what is cached by its contents is never found again, and dependents are linked
# anew. With `-Cdlltool=` a program of one's own can call dlltool in the folder that it writes to.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
target=x86_64-pc-windows-gnu
[ -e "$("${rustc[@]}" --print sysroot)/lib/rustlib/$target/lib" ] ||
  fail "the toolchain 1.95.0 has no standard library for $target" "rustup target add --toolchain 1.95.0 $target"
debs binutils-mingw-w64-x86-64=2.40-2+10.4

echo '#[link(name = "kernel32", kind = "raw-dylib")]
unsafe extern "system" { pub safe fn GetTickCount64() -> u64; }
pub fn time() -> u64 { GetTickCount64() }' >raw.rs
sed 's/, kind = "raw-dylib"//' raw.rs >plain.rs
for run in 1 2; do
  for kind in raw plain; do
    SOURCE_DATE_EPOCH=0 LD_LIBRARY_PATH=$folder/debian/usr/lib/x86_64-linux-gnu "${rustc[@]}" "$kind.rs" --crate-type=rlib --target=$target \
      --remap-path-prefix="$folder=." -Cdlltool="$folder/debian/usr/bin/x86_64-w64-mingw32-dlltool" -o "lib$kind.rlib"
    cp "lib$kind.rlib" "$kind.$run"
  done
done

# same KIND: whether both runs gave the same bytes.
same() { if cmp -s "$1.1" "$1.2"; then echo yes; else echo no; fi; }
sees "two runs without raw-dylib give the same bytes" yes "$(same plain)"
sees "two runs with raw-dylib give the same bytes" no "$(same raw)"
names() { tr -c '[:alnum:]_' '\n' <"$1" | grep -o "_[[:alnum:]_]*rustc[[:alnum:]]\{6\}_kernel32_dll_imports_lib_iname" | sort -u; }
as_symbol=$(printf '%s' "$folder" | tr -c '[:alnum:]' _)
sees "a symbol is named after the folder" yes "$(names raw.1 | grep -q "$as_symbol" && echo yes || echo no)"
sees "that symbol has one name in both runs" no "$([ "$(names raw.1)" = "$(names raw.2)" ] && echo yes || echo no)"
verdict
