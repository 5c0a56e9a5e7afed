#!/bin/sh
# Puts the files of coverage that a test has written one behind the other, as Bazel asks its own tools to.
for arg; do
  case $arg in
  --coverage_dir=*) folder=${arg#*=} ;;
  --output_file=*) output=${arg#*=} ;;
  esac
done
: >"$output"
[ -z "$folder" ] || find "$folder" -name '*.dat' ! -samefile "$output" -exec cat {} + >>"$output"
