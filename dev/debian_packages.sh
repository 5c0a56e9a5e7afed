# Sourced after common.sh: Debian's packages, downloaded and unpacked beside the system. Nothing is installed, no root rights are needed.
# apt of this machine knows the mirror; SPLITLINK_DEBIAN_MIRROR names another.

# use_debian FOLDER SUITES [ARCHITECTURE]: makes FOLDER/apt the place of an apt of its own (sources, package lists, no installed packages), so that
# the machine's is left alone, and downloads the lists of the suites (separated by spaces). The array `instead` is what else is said where it fails.
# With debian_type=deb-src the lists are of sources.
use_debian() {
  apt=$1/apt
  suites=$2
  apt_architecture=${3:-$(dpkg --print-architecture)}
  local suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=${SPLITLINK_DEBIAN_MIRROR:-}
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/*$') ||
    fail "apt of this machine knows no Debian mirror" "set SPLITLINK_DEBIAN_MIRROR to the URL of one (it ends in /debian)" "${instead[@]}"
  [ -e $keyring ] || fail "$keyring is missing, which holds the keys that Debian's packages are signed with" "install debian-archive-keyring with apt" "${instead[@]}"
  mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
  : >"$apt/status"
  for suite in $suites; do echo "${debian_type:-deb} [signed-by=$keyring] $mirror $suite main"; done >"$apt/sources.list"
  say "downloading the package lists of Debian $suites"
  own_apt apt-get --error-on=any update >&2 || fail "apt cannot download the package lists of Debian $suites from $mirror (its messages are above)" \
    "check the network, or set SPLITLINK_DEBIAN_MIRROR to another mirror" "${instead[@]}"
}

# own_apt COMMAND ARG...: apt-get or apt-cache with the configuration of `use_debian`.
own_apt() {
  local command=$1
  shift
  "$command" -o APT::Architecture="$apt_architecture" -o APT::Architectures="$apt_architecture" -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false -o APT::Get::List-Cleanup=false -o Acquire::Languages=none \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=3 "$@"
}

# find_closure PACKAGE...: writes what apt would install for the packages to $apt/closure, a line `Inst NAME (VERSION ...` each.
find_closure() {
  own_apt apt-get --simulate install "$@" >"$apt/closure" || fail "apt cannot install $* of Debian $suites" "${instead[@]}"
}

# version_in_closure PACKAGE: prints the version that `find_closure` has found.
version_in_closure() { sed -n "s/^Inst $1 (\([^ ]*\) .*/\1/p" "$apt/closure"; }

# packages_in_closure LEFT_OUT: prints the packages that `find_closure` has found, but those that the pattern matches.
packages_in_closure() { sed -n 's/^Inst \([^ ]*\) .*/\1/p' "$apt/closure" | grep -vE "$1"; }

# download_packages PACKAGE...: puts each into $apt/cache/archives, one `*.deb` each. What has arrived is kept.
download_packages() {
  # `apt-get download` writes into the working folder.
  (cd "$apt/cache/archives" && own_apt apt-get download "$@") >&2 || fail "apt cannot download the packages from $mirror (its messages are above)" \
    "check the network and the disk, and run this again: what has arrived is kept"
}

# unpack_packages ROOT: unpacks all that was downloaded into ROOT, anew.
unpack_packages() {
  local root=$1 package name
  say "unpacking"
  rm -rf "$root"
  # A Debian system's /lib and /lib64 are links into /usr; a package that still ships /lib must end up there too.
  mkdir -p "$root/usr/lib" "$root/usr/lib64" "$root/usr/bin" "$root/usr/sbin"
  for name in bin lib lib64 sbin; do ln -s "usr/$name" "$root/$name"; done
  for package in "$apt"/cache/archives/*.deb; do
    # tar keeps the links above (dpkg-deb --extract too, but older ones replace them).
    dpkg-deb --fsys-tarfile "$package" | tar --extract --directory "$root" --keep-directory-symlink --no-same-owner --exclude=./usr/share/doc --exclude=./usr/share/man ||
      fail "cannot unpack $package" "is the disk full? Run this again"
  done
  # Links that would lead out of the tree.
  local link
  find "$root" -type l -lname '/*' | while read -r link; do ln -sfn "$root$(readlink "$link")" "$link"; done
}

# multiarch: sets `tuple` and `loader`, the names of this machine's libraries and of its program loader in Debian.
multiarch() {
  local tool
  for tool in apt-get dpkg dpkg-deb; do
    command -v $tool >/dev/null || fail "unpacking Debian's packages needs $tool, which this machine lacks" "run this on Debian or on a system derived from it" "${instead[@]}"
  done
  case $(dpkg --print-architecture) in
  amd64) tuple=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
  arm64) tuple=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
  *) fail "Debian's packages are unpacked on amd64 and arm64 only, and this machine is $(dpkg --print-architecture)" "${instead[@]}" ;;
  esac
}

# once FOLDER WHAT INSTALL...: runs the command, which installs WHAT in FOLDER, unless that was done; one process at a time.
once() {
  local place=$1 what=$2 lock
  shift 2
  mkdir -p "$place"
  [ "$(cat "$place/done" 2>/dev/null)" != "$what" ] || return 0
  exec {lock}>"$place/lock"
  if ! flock --nonblock "$lock"; then
    say "waiting for another installation in $place"
    flock "$lock"
  fi
  if [ "$(cat "$place/done" 2>/dev/null)" != "$what" ]; then
    rm -f "$place/done"
    "$@"
    echo "$what" >"$place/done.$$"
    mv "$place/done.$$" "$place/done"
  fi
  exec {lock}>&-
}

# run_from_here ROOT LIBRARIES PROGRAM...: has the programs, of ELF, use the loader and the libraries of ROOT, in folders of which
# LIBRARIES (separated by colons) come first. ROOT holds patchelf.
run_from_here() {
  local root=$1 folders=$2 program
  shift 2
  local libraries=$root/usr/lib/$tuple
  local patchelf=("$libraries/$loader" --library-path "$libraries" "$root/usr/bin/patchelf")
  "${patchelf[@]}" --version >/dev/null 2>&1 || fail "the unpacked programs do not run here" "the kernel may be too old for the C library of Debian $suites" "${instead[@]}"
  # Debian's LLVM has a run path of its own, and would look for its libraries in the system.
  for program in "$libraries"/libLLVM.so.*; do
    [ ! -e "$program" ] || "${patchelf[@]}" --remove-rpath "$program" || fail "patchelf cannot change $program"
  done
  for program in "$@"; do
    [ "$(head -c4 "$program" | tr -d '\0')" = $'\x7fELF' ] || continue
    "${patchelf[@]}" --set-interpreter "$libraries/$loader" --force-rpath --set-rpath "${folders:+$folders:}$libraries" "$program" ||
      fail "patchelf cannot make $program run from $root"
  done
}
