#!/usr/bin/env bash
# rustc 1.95.0: `-Csplit-debuginfo=packed` makes no package for a static library, and an empty one
# with `-Clinker-plugin-lto`. (Seen with GDB 13.1.)
#
# The manual says of `packed` that all debug information is in a file of its own, a `.dwp`. For a
# program it is. For a crate of the type `staticlib` there is no such file, and no warning: the
# `.dwo` files are members of the archive, where GDB does not look, so a program that is linked with
# it has nothing of the crate's debug information but skeletons. It is back when the members are
# unpacked into the folder that rustc ran in. With `-Clinker-plugin-lto` the linker generates the
# code, splits nothing and leaves all in the program; the `.dwp` that rustc writes has no unit.
#
# For a split build: which files carry debug information depends on crate type and LTO, not on the
# flag alone. A rule that declares a `.dwp` for each link gets none, or one that says nothing.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need readelf ar
debs gdb-minimal=13.1-3

cat >program.rs <<'EOF'
#[inline(never)]
fn inner(x: u32) -> u32 { x + 1 }
fn main() { println!("{}", inner(std::env::args().count() as u32)); }
EOF
cat >library.rs <<'EOF'
#[inline(never)]
fn inner(x: u32) -> u32 { x + 1 }
#[unsafe(no_mangle)]
pub extern "C" fn outer(x: u32) -> u32 { inner(std::hint::black_box(x)) }
EOF
echo 'unsigned outer(unsigned); int main(void) { return outer(1) - 2; }' >main.c

# gdb_knows FUNCTION FILE: whether GDB can set a breakpoint on a Rust function by name and line.
gdb_knows() {
  from_debian debian/usr/bin/gdb -nx -batch -ex "set debuginfod enabled off" -ex "break $1" "$2" >gdb.log 2>&1 || true
  if grep -q '^Breakpoint 1 at .*\.rs, line' gdb.log; then echo "known"; else echo "unknown"; fi
}

# package FILE: what is in it.
package() {
  if [ ! -e "$1" ]; then echo "no package"
  elif readelf --section-headers --wide "$1" | grep -q '\.debug_info\.dwo'; then echo "a package"
  else echo "an empty package"; fi
}

packed=(-g -Csplit-debuginfo=packed)
"${rustc[@]}" "${packed[@]}" program.rs
sees "a program" "a package, known" "$(package program.dwp), $(gdb_knows program::inner program)"
rm program.dwp
sees "the program without its package" "unknown" "$(gdb_knows program::inner program)"
"${rustc[@]}" "${packed[@]}" -Clinker-plugin-lto program.rs
sees "a program with -Clinker-plugin-lto" "an empty package, known" "$(package program.dwp), $(gdb_knows program::inner program)"
rm program.dwp
sees "that program without its package" "known" "$(gdb_knows program::inner program)"

"${rustc[@]}" "${packed[@]}" --crate-type staticlib library.rs
sees "a static library" "no package" "$(package liblibrary.dwp)"
sees "its members that end in .dwo" 1 "$(ar t liblibrary.a | grep -c '\.dwo$')"
gcc main.c liblibrary.a -o main
sees "a C program with that library" "unknown" "$(gdb_knows library::inner main)"
ar x liblibrary.a "$(ar t liblibrary.a | grep '\.dwo$')"
sees "the C program, with that member unpacked" "known" "$(gdb_knows library::inner main)"
verdict
