#!/usr/bin/env bash
# rustc 1.95.0: with `-Csplit-debuginfo=packed` a program with C code that is split as well does not
# link, for rustc and the C compiler have different defaults. (Seen with GCC 12.2.)
#
# GCC writes DWARF 5 unless told otherwise, rustc for Linux DWARF 4. Linkers take both, GDB shows
# both, and so do `.dwo` files: a program whose parts differ works with debug information inside, and
# with `-Csplit-debuginfo=unpacked`. With `packed` rustc gathers the `.dwo` files of all that the
# program refers to, C's included, and an index of one package has one version. So rustc ends with an
# error that names no file and no version, after the link: the program is there and runs, and beside
# it lies a package of no bytes. With `-gdwarf-4` for C, or `-Cdwarf-version=5` for Rust, it passes.
#
# For a split build: whoever packs must look at the versions first, to say whose file is of which; and
# a build that turns on split debug information for all languages has to set the version, too.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need ar readelf

echo 'int add(int a, int b) { int sum = a + b; return sum; }' >add.c
cat >main.rs <<'EOF'
extern "C" { fn add(a: i32, b: i32) -> i32; }
fn main() { std::process::exit(unsafe { add(40, 2) }) }
EOF

# build C_FLAG RUST_FLAG...: what rustc says, and the program and its package.
build() {
  rm -rf out && mkdir out
  # shellcheck disable=SC2086
  gcc -g -gsplit-dwarf $1 -c add.c -o add.o
  rm -f libadd.a && ar rcs libadd.a add.o
  local said
  said=$("${rustc[@]}" -g -L. -lstatic=add "${@:2}" main.rs -o out/main 2>&1) && printf 'links' || printf '%s' "${said%%$'\n'*}"
  local code=0
  out/main || code=$?
  printf ', the program returns %s' "$code"
  [ -e out/main.dwp ] || return 0
  [ -s out/main.dwp ] && printf ', a package of %s units' "$(units out/main.dwp)" || printf ', a package of no bytes'
}

# units PACKAGE: how many its index has.
units() { readelf --debug-dump=cu_index "$1" 2>/dev/null | sed -n 's/.*Number of used entries: *//p'; }

# dwarf FILE.dwo: its version.
dwarf() { readelf --debug-dump=info "$1" 2>/dev/null | sed -n '0,/Version:/s/ *Version: *//p'; }

packed=-Csplit-debuginfo=packed
sees "as both come" "error: input objects have mixed encodings, the program returns 42, a package of no bytes" "$(build "" $packed)"
sees "the version of C's" 5 "$(dwarf add.dwo)"
sees "C with -gdwarf-4" "links, the program returns 42, a package of 2 units" "$(build -gdwarf-4 $packed)"
sees "Rust with -Cdwarf-version=5" "links, the program returns 42, a package of 2 units" "$(build "" $packed -Cdwarf-version=5)"
sees "unpacked" "links, the program returns 42" "$(build "" -Csplit-debuginfo=unpacked)"
sees "inside" "links, the program returns 42" "$(build "")"
verdict
