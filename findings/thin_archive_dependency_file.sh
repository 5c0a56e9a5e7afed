#!/usr/bin/env bash
# GNU ld 2.40, lld 19.1.7 and the lld of rustc 1.95.0: a dependency file leaves out what is in thin
# archives.
#
# `--dependency-file` writes a makefile rule with the output and, as GNU ld's manual says, all input
# files that were read. A thin archive (`ar --thin`) holds the names of its objects, not their
# contents. The linker opens and reads those objects, so one expects them in the rule, where mold
# 1.10.1 has them. GNU ld and lld name the archive alone. The archive stays as it is when an object
# changes, so a build that goes by the rule keeps the old program: make says that it is up to date.
#
# For a split build: what a linker says that it read cannot be what decides whether the link action
# runs again, or which inputs it is given, where archives may be thin.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
debs binutils-x86-64-linux-gnu=2.40-2 lld-19=1:19.1.7-3~deb12u1 mold=1.10.1+dfsg-1 make=4.3-4.1

cat >main.c <<'EOF'
#include <stdio.h>
int answer(void);
int main(void) { printf("%d\n", answer()); return 0; }
EOF
echo 'int answer(void) { return 1; }' >answer.c
echo 'int answer(void) { return 2; }' >later.c
gcc -c main.c answer.c later.c

mkdir GNU_ld lld mold rustc_lld
ln -s ../debian/usr/bin/x86_64-linux-gnu-ld.bfd GNU_ld/ld
ln -s ../debian/usr/lib/llvm-19/bin/ld.lld lld/ld
ln -s ../debian/usr/bin/mold mold/ld
printf '#!/bin/sh\nexec %s/ld.lld "$@"\n' "$lld" >rustc_lld/ld
chmod +x rustc_lld/ld

# dependencies LINKER ARCHIVE: which of our own files the rule names beside the program and main.o.
dependencies() {
  rm -f program rule
  from_debian gcc "-B$1" main.o "$2" -o program -Wl,--dependency-file=rule
  tr ' \\' '\n' <rule | grep -x -e 'answer\.o' -e '[^/]*\.a' | sort | paste -s -d' '
}

# after_a_change LINKER: what the program prints once answer.o is another and make has run.
after_a_change() {
  gcc -c answer.c
  from_debian debian/usr/bin/x86_64-linux-gnu-ar --thin -rc thin.a answer.o
  dependencies "$1" thin.a >/dev/null
  sleep 1 # make compares times
  cp later.o answer.o
  touch answer.o
  printf 'include rule\nprogram:\n\tgcc -B%s main.o thin.a -o program\n' "$1" >Makefile
  from_debian debian/usr/bin/make -s program >/dev/null
  ./program
}

from_debian debian/usr/bin/x86_64-linux-gnu-ar -rc fat.a answer.o
from_debian debian/usr/bin/x86_64-linux-gnu-ar --thin -rc thin.a answer.o
for linker in GNU_ld lld rustc_lld; do
  sees "$linker, an ordinary archive" "fat.a" "$(dependencies $linker fat.a)"
  sees "$linker, a thin archive" "thin.a" "$(dependencies $linker thin.a)"
  sees "$linker, the program after its object changed from 1 to 2" 1 "$(after_a_change $linker)"
  gcc -c answer.c
done
sees "mold, an ordinary archive" "fat.a" "$(dependencies mold fat.a)"
sees "mold, a thin archive" "answer.o thin.a" "$(dependencies mold thin.a)"
sees "mold, the program after its object changed from 1 to 2" 2 "$(after_a_change mold)"
verdict
