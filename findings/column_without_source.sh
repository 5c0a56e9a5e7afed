#!/usr/bin/env bash
# rustc 1.95.0: a place in a crate whose source is not there is shown one column too far to the left.
#
# A message that points into another crate names file, line and column. Columns count from 1. Where
# the source of that crate is not there, as in a sandbox or with a prebuilt library, rustc shows no
# text and counts from 0: an editor that goes there is one off, and what begins in the first column
# is said to be in column 0, which no editor has. The JSON form of the same message counts from 1 in
# both cases. 1.85.0 counted from 1.
#
# For a split build: sources of dependencies are no inputs of the actions above them, so all such
# messages are of this kind. Who compares or rewrites messages must take the JSON form.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need_rust
need python3

printf '\n\npub fn takes(_a: u8) {}\n' >dep.rs
echo 'fn main() { dep::takes("text"); }' >app.rs
"${rustc[@]}" --crate-type=rlib dep.rs
# place FLAG...: where the message says that the function is.
place() { { "${rustc[@]}" app.rs --extern dep=libdep.rlib "$@" 2>&1 || true; } | grep -o 'dep\.rs:[0-9:]*'; }
in_json() {
  { "${rustc[@]}" app.rs --extern dep=libdep.rlib --error-format=json 2>&1 || true; } | python3 -c '
import json, sys
for message in map(json.loads, sys.stdin):
    for span in (span for child in message["children"] for span in child["spans"]):
        if span["file_name"] == "dep.rs":
            print(span["file_name"], span["line_start"], span["column_start"], sep=":")'
}
sees "with the source" dep.rs:3:8 "$(place)"
sees "with the source, in JSON" dep.rs:3:8 "$(in_json)"
mv dep.rs elsewhere.rs
sees "without the source" dep.rs:3:7 "$(place)"
sees "without the source, in JSON" dep.rs:3:8 "$(in_json)"
verdict
