#!/usr/bin/env bash
# rustc 1.95.0: a program cannot take a pointer to a `#[track_caller]` function of a Rust dylib.
#
# A pointer to such a function goes to a small function that passes a place on (the reify shim),
# which rustc makes in the crate that takes the pointer. One expects it to call the function in the
# library, as a plain call does. With `-Cprefer-dynamic` the program's object asks for the function
# as a hidden symbol, which only the program itself could define. The library exports it, and no
# linker may take it: lld and GNU ld both end with an error. A call without a pointer links, so does
# a pointer to a function without the attribute, and so does the same library as an rlib.
#
# For a split build: what a linker says of a hidden symbol need not be a fault of the link line.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need readelf gcc

cat >helper.rs <<'E2'
#[track_caller]
pub fn place() -> u32 { std::panic::Location::caller().line() }
pub fn plain() -> u32 { 1 }
E2
"${rustc[@]}" -Cprefer-dynamic --crate-type rlib,dylib helper.rs

# program EXPRESSION: prints the number that it gives.
program() { echo "fn main() { println!(\"{}\", $1); }" >main.rs; }

# linked LIBRARY FLAG...: what becomes of the program.
linked() {
  rm -f main
  if "${rustc[@]}" -Cprefer-dynamic -Crpath "${@:2}" -L . --extern "helper=$1" main.rs 2>messages; then
    echo "links, and prints $(LD_LIBRARY_PATH=$("${rustc[@]}" --print sysroot)/lib:$folder ./main)"
  elif grep -q "hidden symbol.*place\|place.*hidden" messages; then
    echo "does not link, for a hidden symbol"
  else
    tail -n 3 messages
  fi
}

program "helper::place()"
sees "a call of the dylib's function" "links, and prints 1" "$(linked libhelper.so)"
program "(helper::plain as fn() -> u32)()"
sees "a pointer to one without the attribute" "links, and prints 1" "$(linked libhelper.so)"
program "(helper::place as fn() -> u32)()"
sees "a pointer to it" "does not link, for a hidden symbol" "$(linked libhelper.so)"
sees "a pointer to it, with GNU ld" "does not link, for a hidden symbol" "$(linked libhelper.so -Clink-arg=-fuse-ld=bfd)"
sees "a pointer to it, of the rlib" "links, and prints 2" "$(linked libhelper.rlib)"
"${rustc[@]}" -Cprefer-dynamic -L . --extern helper=libhelper.so --emit obj main.rs
sees "what the object asks for" "GLOBAL HIDDEN UND" \
  "$(readelf -sW main.o | awk '$7 == "UND" && /place/ { print $5, $6, $7 }')"
sees "what the library has" "GLOBAL DEFAULT" "$(readelf --dyn-syms -W libhelper.so | awk '$7 != "UND" && /6helper5place/ { print $5, $6 }')"
verdict
