#!/usr/bin/env bash
# rustc 1.95.0: in a DWARF 5 package the list of string offsets says that it ends one entry early.
#
# With `-Csplit-debuginfo=packed` rustc packs split debug information into a `.dwp`. In DWARF 5 the
# section `.debug_str_offsets.dwo` begins with a header: the length of what follows it, a version
# and two bytes of padding; then come the offsets. Version and padding are part of that length. The
# `.dwo` file that LLVM writes counts them; the package that is made of it does not: its length is 4
# bytes short, so the last offset lies outside. A reader that goes by the header loses the last name
# of the unit, or takes it for broken; one that goes by the package's index does not notice. With
# DWARF 4, the default, there is no such header.
#
# For a split build: who packs `.dwo` files and wants the bytes of rustc's package gets others with
# a newer thorin, the library that both use.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need readelf objcopy od stat

echo 'fn main() { println!("{}", std::env::args().count()); }' >main.rs
# length FILE: what the header says, and what there is behind that field.
lengths() {
  objcopy -O binary --only-section=.debug_str_offsets.dwo --set-section-flags .debug_str_offsets.dwo=alloc "$1" section
  printf '%d of %d' "$(od -An -tu4 -N4 section)" "$(($(stat -c %s section) - 4))"
}
for kind in unpacked packed; do
  mkdir $kind
  "${rustc[@]}" -g -Cdwarf-version=5 -Ccodegen-units=1 -Csplit-debuginfo=$kind main.rs -o $kind/main
done
dwo=$(lengths unpacked/*.dwo)
dwp=$(lengths packed/main.dwp)
sees "the header of the .dwo file counts everything" yes "$([ "${dwo% of *}" = "${dwo#* of }" ] && echo yes || echo no)"
sees "bytes that the header of the package leaves out" 4 "$((${dwp#* of } - ${dwp% of *}))"
sees "the package has what the .dwo file has" "${dwo#* of }" "${dwp#* of }"
verdict
