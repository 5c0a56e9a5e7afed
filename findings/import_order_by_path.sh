#!/usr/bin/env bash
# GNU ld 2.40 and lld 14 (PE): the names of the folders that objects lie in decide the order of what a program
# imports.
#
# GNU ld's own script for Windows programs sorts the parts of the import tables (`.idata$2` to
# `.idata$7`) by the paths of the files that they are from, as these are given on the command line,
# so that the three objects of an import library end up side by side. One expects the order of the
# command line, as for every other section, and that a folder may be renamed. Yet the same objects,
# given in the same order, make another program where one of the folders has another name: its DLLs
# are listed, and so loaded, in another order, and nearly every address in the tables differs. lld
# does the same with import libraries of this form.
#
# For a split build: a program that is linked from copies, from a sandbox of another layout or from
# `external/NAME` under another name has other bytes. Who compares two links must lay their inputs
# out alike, from the first folder that differs to the last.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
debs binutils-mingw-w64-x86-64=2.40-2+10.4 gcc-mingw-w64-x86-64-win32=12.2.0-14+deb12u1+25.2+b1 mingw-w64-x86-64-dev=10.0.0-3 lld-14=1:14.0.6-12
tools=$folder/debian/usr/bin
# Folders in which the compiler finds its other programs: those of GNU, and lld as the linker.
mkdir gnu lld
for tool in as ld; do ln -s "$tools/x86_64-w64-mingw32-$tool" "gnu/$tool"; done
ln -s "$folder/gnu/as" lld/as
ln -s "$folder/debian/usr/lib/llvm-14/bin/lld" lld/ld
gcc=(from_debian "$tools/x86_64-w64-mingw32-gcc-win32" -B "$folder/gnu")

echo 'int first(void); int second(void); int main(void) { return first() + second(); }' >main.c
"${gcc[@]}" -c main.c
mkdir m z
for name in first second; do
  echo "__declspec(dllexport) int $name(void) { return 1; }" >"$name.c"
  "${gcc[@]}" -shared "$name.c" -o "$name.dll"
  printf 'LIBRARY %s.dll\nEXPORTS\n%s\n' "$name" "$name" >"$name.def"
  from_debian "$tools/x86_64-w64-mingw32-dlltool" -d "$name.def" -l "m/lib$name.a" -S "$tools/x86_64-w64-mingw32-as"
done
cp m/libfirst.a z

# imported LINKER FOLDER: the program's two DLLs in order, with the first import library in FOLDER and the second in m.
imported() {
  from_debian "$tools/x86_64-w64-mingw32-gcc-win32" -B "$folder/$1" -Wl,--no-insert-timestamp main.o "$2/libfirst.a" m/libsecond.a -o program.exe
  cp program.exe "$1.$2"
  from_debian "$tools/x86_64-w64-mingw32-objdump" -p program.exe | sed -n 's/.*DLL Name: \(first\|second\)\.dll/\1/p' | paste -s -d' '
}
same() { if cmp -s "$1.m" "$1.z"; then echo yes; else echo no; fi; }
sees "the linker" "LLD 14.0.6" "$(from_debian lld/ld -m i386pep --version | grep -o 'LLD [0-9.]*')"
sees "lld, the first library in m" "first second" "$(imported lld m)"
sees "lld, the first library in z" "second first" "$(imported lld z)"
sees "lld gives the same bytes" no "$(same lld)"
sees "GNU ld, the first library in m" "first second" "$(imported gnu m)"
sees "GNU ld, the first library in z" "second first" "$(imported gnu z)"
sees "GNU ld gives the same bytes" no "$(same gnu)"
verdict
