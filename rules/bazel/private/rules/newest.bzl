"""How a program under `bazel run` finds what was built of a target that it is given."""

# A function for a script of bash: `find_newest LABEL WHAT FILE GROUP` sets `found` to the target's
# FILE, which is a WHAT in messages and is built by the output group GROUP. What is no label is found
# as it is. It goes to the folder in which the user is.
FIND_NEWEST = """\
cd "${BUILD_WORKING_DIRECTORY:-.}"
find_newest() {
  found=$1
  case $1 in //* | :*) ;; *) return 0 ;; esac
  local package name root
  package=${1#//}
  package=${package%%:*}
  name=${1##*:}
  [[ $1 == *:* ]] || name=${1##*/}
  root=${BUILD_WORKSPACE_DIRECTORY:-.}
  # A label without a package is of the working folder's. (`bazel run` says both folders.)
  [[ $1 == //* ]] || { package=${PWD#"$root"} package=${package#/}; }
  # With LTO or a platform of its own a target is built into another configuration's folder; the newest file counts.
  found=$(ls -t "$root"/bazel-out/*/bin/"${package:+$package/}$name.splitlink/$3" 2>/dev/null | head -1) || true
  if [ -z "$found" ]; then
    printf '%s\\n' "error: there is no $2 of $1" "  help: build it: bazel build $1 --output_groups=+$4" >&2
    exit 1
  fi
}
"""
