#!/usr/bin/env bash
# rustc 1.95.0, lld (rustc's own, LLVM 22.1) or mold 1.10.1, GDB 13.1: one C object hides all Rust.
#
# `--gdb-index` has the linker write an index of names so that GDB starts faster. These linkers make
# it of what compilers list with `-ggnu-pubnames`. rustc lists nothing, so one expects the index to
# be of no use for Rust. For a program of Rust alone that is so: GDB finds functions as ever. But
# with one C object that lists its names GDB takes the index for complete: Rust functions and types
# by name are unknown, without a word about the index. Take the index out of the file, and they are
# back. `-gsplit-dwarf` makes GCC list names, too.
#
# For a split build: link-only sees the objects of all languages and the flags of the link, and is
# the first place where this could be noticed. Nothing warns.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need objcopy
debs gdb-minimal=13.1-3 mold=1.10.1+dfsg-1

cat >shapes.rs <<'EOF'
mod flat {
    pub struct Square(pub u32);
    #[inline(never)]
    pub fn area(of: &Square) -> u32 { of.0 * of.0 }
}
fn main() { println!("{}", flat::area(&flat::Square(std::env::args().count() as u32))); }
EOF
echo 'int in_c(int x) { return x + 1; }' >part.c
gcc -g -c part.c -o unlisted.o
gcc -g -ggnu-pubnames -c part.c -o listed.o
gcc -g -gsplit-dwarf -c part.c -o split.o

# gdb_finds PROGRAM: which of a Rust function and a Rust type that are in it GDB knows by name.
gdb_finds() {
  from_debian debian/usr/bin/gdb -nx -batch -ex "set debuginfod enabled off" -ex "break shapes::flat::area" "$1" >function.log 2>&1
  from_debian debian/usr/bin/gdb -nx -batch -ex "set debuginfod enabled off" -ex "ptype shapes::flat::Square" "$1" >type.log 2>&1 || true
  local function="no function" type="no type"
  if grep -q '^Breakpoint 1 at .*shapes\.rs' function.log; then function="the function"; fi
  if grep -q '^type = struct shapes::flat::Square' type.log; then type="the type"; fi
  echo "$function, $type"
}

# link LINKER ARGUMENT...: the program, with debug information, as ./program.
link() {
  local arguments=() argument
  for argument in "${@:2}"; do arguments+=("-Clink-arg=$argument"); done
  [ "$1" = lld ] || arguments+=(-Clinker-features=-lld "-Clink-arg=-B$folder/debian/usr/libexec/mold")
  from_debian "${rustc[@]}" -g -o program shapes.rs "${arguments[@]}"
}

for linker in lld mold; do
  link $linker listed.o
  sees "$linker, no index, a C object that lists its names" "the function, the type" "$(gdb_finds program)"
  link $linker -Wl,--gdb-index
  sees "$linker, an index, no C object" "the function, the type" "$(gdb_finds program)"
  link $linker -Wl,--gdb-index unlisted.o
  sees "$linker, an index, a C object that lists nothing" "the function, the type" "$(gdb_finds program)"
  link $linker -Wl,--gdb-index listed.o
  sees "$linker, an index, a C object that lists its names" "no function, no type" "$(gdb_finds program)"
  objcopy --remove-section .gdb_index program
  sees "$linker, the same program, its index taken out" "the function, the type" "$(gdb_finds program)"
  link $linker -Wl,--gdb-index split.o
  sees "$linker, an index, a C object of gcc -gsplit-dwarf" "no function, no type" "$(gdb_finds program)"
done
verdict
