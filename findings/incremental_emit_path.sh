#!/usr/bin/env bash
# rustc 1.95.0: incremental compilation begins from nothing when `--emit=link=PATH` names another path.
#
# What rustc keeps for the next build of a crate follows from the source and from options that change
# what is compiled. Where the library is written changes none of its bytes. With
# `--out-dir` or `-o`, another folder is no reason to compile anything again. With a path behind the
# kind of output in `--emit` it is: rustc ignores all that it has kept, without a word.
#
# For a split build: a tool that has rustc write into a fresh temporary folder each time, by
# `--emit=metadata=PATH`, gets no incremental compilation at all, and sees it in no message.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need cmp grep

for n in 1 2 3 4; do
  echo "pub fn f$n(x: &[u64]) -> Vec<String> { x.iter().map(|y| format!(\"{y} $n\")).collect() }"
done >lib.rs
mkdir one two

# kept FLAG...: compiles with what the compilation before has kept, and says whether that was used.
kept() {
  # The flag is for the report only.
  RUSTC_BOOTSTRAP=1 "${rustc[@]}" --crate-type=lib lib.rs -Cincremental=kept -Zincremental-info "$@" >report 2>&1 ||
    fail "rustc fails: $(cat report)" "see its message"
  if grep -q "ignoring cache because of differing commandline arguments" report; then echo ignored; else echo used; fi
}

# moved FLAGS: compiles twice with FLAGS, then with `two` for `one` in them.
moved() {
  rm -rf kept
  kept "$1" >/dev/null
  sees "$1 again" used "$(kept "$1")"
  sees "${1/one/two}" "$2" "$(kept "${1/one/two}")"
}

moved --out-dir=one used
moved -oone/liblib.rlib used
moved --emit=link=one/liblib.rlib ignored
for into in one two; do "${rustc[@]}" --crate-type=lib lib.rs --emit=link=$into/liblib.rlib; done
sees "the two libraries, not incrementally" "the same bytes" "$(if cmp -s one/liblib.rlib two/liblib.rlib; then echo "the same bytes"; else echo "other bytes"; fi)"
verdict
