#!/usr/bin/env bash
# rustc 1.95.0: a block of methods that is moved behind `include!` renames the methods of others.
#
# The symbol name of a method holds the number of its `impl` among those of its module: a v0 name as
# it is, a legacy name in its hash. One expects the number to follow the order in the source, in
# which `include!` puts a file's items where it stands. But rustc numbers what macros expand to,
# included files among it, after what is in the file itself. So the methods of a later `impl`, whose
# text nobody touched, get other names, and callers that were compiled before do not link.
#
# For a split build: code that is left out of a source, or put elsewhere, must leave the number of
# every `impl` as it is.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need nm

types='pub struct First; pub struct Second;'
first='impl First { pub fn one(&self) -> u8 { 1 } }'
second='impl Second { pub fn two(&self) -> u8 { 2 } }'
echo "$types $first $second" >whole.rs
echo "$first" >first.inc
echo "$types include!(\"first.inc\"); $second" >included.rs

# name_of SOURCE METHOD FLAG...: the symbol of a method.
name_of() {
  "${rustc[@]}" "${@:3}" --crate-name facts --crate-type lib --emit obj -o "$1.o" "$1.rs"
  nm --defined-only "$1.o" | awk -v method="$2" '$3 ~ "3" method "(17h[0-9a-f]*E)?$" { print $3 }'
}

# same A B: whether two names, which must be there, are equal.
same() {
  [ -n "$1" ] && [ -n "$2" ] || { echo "no symbol found"; return; }
  if [ "$1" = "$2" ]; then echo "the same symbol"; else echo "another symbol"; fi
}

for method in one two; do
  for version in v0 legacy; do
    flags=(-Zunstable-options "-Csymbol-mangling-version=$version")
    export RUSTC_BOOTSTRAP=1
    sees "with $version names, \`$method\` once the first impl is included" "another symbol" \
      "$(same "$(name_of whole $method "${flags[@]}")" "$(name_of included $method "${flags[@]}")")"
    sees "with $version names, \`$method\` of the same source twice" "the same symbol" \
      "$(same "$(name_of whole $method "${flags[@]}")" "$(name_of whole $method "${flags[@]}")")"
  done
done
verdict
