#!/usr/bin/env bash
# GNU ar 2.40 and llvm-ar 14.0.6: a merge script's libraries end up in opposite orders.
#
# `ar -M` reads a script (CREATE, ADDLIB, ADDMOD, SAVE), a usual way to merge static libraries into
# one. One expects the members in the script's order, as `ar -r` and llvm-ar have them; GNU ar's
# manual names no other. GNU ar puts each library in front of what is there, with its members
# reversed. Where two libraries define the same function, the linker takes the first. So the merged
# library behaves as if its parts stood on the command line from last to first, and the same script
# gives another program once llvm-ar stands in for GNU ar.
#
# For a split build: who merges a Rust static library with C libraries must give their order to the
# archive writer, member by member, and not leave it to a script.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need gcc
debs binutils-x86-64-linux-gnu=2.40-2 llvm-14=1:14.0.6-12

# Two libraries of two objects; both define `chosen`.
for name in first second; do
  echo "const char *chosen(void) { return \"$name\"; }" >"chosen_$name.c"
  echo "int only_in_$name(void) { return 1; }" >"only_$name.c"
  gcc -c "chosen_$name.c" "only_$name.c"
  from_debian debian/usr/bin/x86_64-linux-gnu-ar -rc "lib$name.a" "chosen_$name.o" "only_$name.o"
done
cat >main.c <<'EOF'
#include <stdio.h>
const char *chosen(void);
int main(void) { puts(chosen()); return 0; }
EOF
printf '%s\n' "CREATE merged.a" "ADDLIB libfirst.a" "ADDLIB libsecond.a" SAVE END >script

# built ARCHIVE...: what the program prints that is linked with them.
built() {
  gcc main.c "$@" -o main
  ./main
}

sees "linked with libfirst.a libsecond.a" first "$(built libfirst.a libsecond.a)"
in_order="chosen_first.o only_first.o chosen_second.o only_second.o"
# merged NAME AR MEMBERS CHOSEN
merged() {
  rm -f merged.a
  from_debian "$2" -M <script
  sees "members of $1's merged archive" "$3" "$(from_debian "$2" t merged.a | paste -s -d' ')"
  sees "linked with $1's merged archive" "$4" "$(built merged.a)"
}
merged llvm-ar debian/usr/lib/llvm-14/bin/llvm-ar "$in_order" first
merged "GNU ar" debian/usr/bin/x86_64-linux-gnu-ar "only_second.o chosen_second.o only_first.o chosen_first.o" second
verdict
