#!/usr/bin/env bash
# rustc 1.95.0: the symbol name of a function depends on what is in its body.
#
# A legacy symbol name, the default of this version, ends in a hash. One expects the hash to be of
# path, crate and signature. But a body that gains or loses a closure like `|text: &str| ...`
# renames the function that it is in, and callers that were compiled against the other body do not
# link. It seems that the lifetimes that a signature leaves out are numbered together with those of
# closures. A closure without such a lifetime changes nothing, and v0 names
# (`-Csymbol-mangling-version=v0`) have no such hash.
#
# For a split build: a source whose bodies are left out must be compiled with v0 names, or its
# dependents ask for symbols that the real code does not have.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need nm

echo 'pub fn length(text: &str) -> usize { text.len() }' >plain.rs
echo 'pub fn length(text: &str) -> usize { let of = || text.len(); of() }' >closure.rs
echo 'pub fn length(text: &str) -> usize { let of = |part: &str| part.len(); of(text) }' >lifetime.rs

# name_of SOURCE FLAG...: the symbol of `length`, which is the same function in each source.
name_of() {
  "${rustc[@]}" "${@:2}" --crate-name facts --crate-type lib --emit obj -o "$1.o" "$1.rs"
  nm --defined-only "$1.o" | awk '$3 ~ /5facts6length(17h[0-9a-f]*E)?$/ { print $3 }'
}

# same A B: whether two names, which must be there, are equal.
same() {
  [ -n "$1" ] && [ -n "$2" ] || { echo "no symbol found"; return; }
  if [ "$1" = "$2" ]; then echo "the same symbol"; else echo "another symbol"; fi
}

plain=$(name_of plain)
sees "by default, a body with a closure without lifetimes" "the same symbol" "$(same "$plain" "$(name_of closure)")"
sees "by default, a body with a closure over some &str" "another symbol" "$(same "$plain" "$(name_of lifetime)")"
v0=-Csymbol-mangling-version=v0
sees "with v0 names, a body with a closure over some &str" "the same symbol" \
  "$(same "$(name_of plain $v0)" "$(name_of lifetime $v0)")"

# A caller of one body, linked with the object of the other.
links() {
  "${rustc[@]}" "$@" --crate-name facts --crate-type rlib -o libfacts.rlib plain.rs
  echo 'pub fn run() -> usize { facts::length("four") }' >caller.rs
  "${rustc[@]}" "$@" --crate-type lib --emit obj --extern facts=libfacts.rlib -o caller.o caller.rs
  "${rustc[@]}" "$@" --crate-name facts --crate-type lib --emit obj -o real.o lifetime.rs
  local wanted
  wanted=$(nm --undefined-only caller.o | awk '/facts6length/ { print $2 }')
  if nm --defined-only real.o | grep -q " $wanted\$"; then echo "is there"; else echo "is missing"; fi
}
sees "by default, the symbol that a caller of the one body wants of the other" "is missing" "$(links)"
sees "with v0 names, the symbol that a caller of the one body wants of the other" "is there" "$(links $v0)"
verdict
