#!/usr/bin/env bash
# gold 1.16 (binutils 2.40): the path behind `-o` is written into a shared library.
#
# A shared library that is linked with a version script and needs versioned symbols has a list of
# the versions that it defines. Its first entry names the library itself. One expects the soname
# there or, without one, at most the file's name. gold writes the whole path that `-o` says, folders
# included; GNU ld and mold write no such entry. So the same objects linked into another folder give
# other bytes. With a soname (`-soname`) they are the same.
#
# For a split build: rustc gives a cdylib a version script and no soname. A tool that links into a
# temporary folder and moves the file afterwards leaves that folder's name in it.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need gcc readelf cmp
debs binutils-x86-64-linux-gnu=2.40-2 mold=1.10.1+dfsg-1

echo '#include <stdio.h>
int answer(void) { return puts("answer"); }' >answer.c
gcc -c -fPIC answer.c
echo '{ global: answer; local: *; };' >versions
mkdir one two linkers
# gcc finds a linker by its name in a folder.
for name in gold bfd; do
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$folder/debian/usr/lib/x86_64-linux-gnu" \
    "$folder/debian/usr/bin/x86_64-linux-gnu-ld.$name" >"linkers/ld.$name"
done
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$folder/debian/usr/lib/x86_64-linux-gnu" \
  "$folder/debian/usr/bin/mold" >linkers/ld.mold
chmod +x linkers/*

# link LINKER FLAG...: links one/libanswer.so and two/libanswer.so of the same object.
link() {
  local into
  for into in one two; do
    gcc -B linkers "-fuse-ld=$1" -shared -Wl,--build-id=none -Wl,--version-script=versions "${@:2}" answer.o \
      -o "$into/libanswer.so"
  done
}

# compared: whether both are the same.
compared() { if cmp -s one/libanswer.so two/libanswer.so; then echo "the same bytes"; else echo "other bytes"; fi; }

# base: what the second calls itself in its list of versions.
base() { readelf -VW two/libanswer.so | sed -n 's/.*Flags: BASE .*Name: //p' | grep . || echo none; }

link gold
sees "gold, without a soname, in another folder" "other bytes" "$(compared)"
sees "gold, the library's name for itself" two/libanswer.so "$(base)"
link gold -Wl,-soname,libanswer.so
sees "gold, with a soname, in another folder" "the same bytes" "$(compared)"
for linker in bfd mold; do
  link "$linker"
  sees "$linker, without a soname, in another folder" "the same bytes" "$(compared)"
  sees "$linker, the library's name for itself" none "$(base)"
done
verdict
