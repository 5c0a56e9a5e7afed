# Sourced by the scripts of this folder: a temporary folder to work in, and what is compared.

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export LC_ALL=C
changes=0

# fail MESSAGE HELP: this machine cannot run the script; that says nothing about the finding.
fail() {
  printf '%s: error: %s\n  help: %s\n' "${0##*/}" "$1" "$2" >&2
  exit 2
}

# need TOOL...: each is on the PATH.
need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "$tool is not on the PATH" "install it; these scripts are written for Debian 12"
  done
}

# need_rust: Rust 1.95.0 is there. Sets `rustc` and `lld`, the folder of its own linker.
need_rust() {
  need rustup gcc
  rustup run 1.95.0 rustc --version >/dev/null 2>&1 ||
    fail "rustup has no toolchain 1.95.0" "rustup toolchain install 1.95.0 --profile minimal"
  rustc=(rustup run 1.95.0 rustc --edition 2021)
  lld=$("${rustc[@]}" --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld
}

# debs PACKAGE=VERSION...: unpacks packages of Debian 12, and those they need, in ./debian. Nothing
# is installed. The C library is left out, for the machine's own must be used.
debs() {
  need apt-get dpkg-deb
  local packages
  mkdir packages debian
  : >no_status
  packages=$(apt-get -qq --simulate --no-install-recommends -o Dir::State::status="$folder/no_status" install "$@" |
    sed -n 's/^Inst \([^ ]*\) (\([^ ]*\).*/\1=\2/p' | grep -v '^libc6=') && [ -n "$packages" ] ||
    fail "apt does not know $*" "use Debian 12 (amd64) and run 'apt-get update'"
  # shellcheck disable=SC2086 # a word for each package
  (cd packages && apt-get -qq download $packages) >packages.log 2>&1 || {
    cat packages.log >&2
    fail "apt cannot download $*" "check the network, and run 'apt-get update'"
  }
  local package
  for package in packages/*.deb; do dpkg-deb --extract "$package" debian; done
}

# from_debian COMMAND...: with the libraries of ./debian.
from_debian() { LD_LIBRARY_PATH=$folder/debian/usr/lib/x86_64-linux-gnu:$folder/debian/lib/x86_64-linux-gnu "$@"; }

# sees WHAT EXPECTED FOUND: prints what is found, and notes whether it is what was seen before.
sees() {
  if [ "$2" = "$3" ]; then
    printf '%s: %s\n' "$1" "$3"
  else
    printf 'changed: %s: %s (before: %s)\n' "$1" "$3" "$2"
    changes=$((changes + 1))
  fi
}

# Ends the script: nothing changed, or it fails.
verdict() {
  if [ "$changes" -gt 0 ]; then
    printf 'changed: %d of the above\n' "$changes"
    exit 1
  fi
  echo "seen as described"
}
