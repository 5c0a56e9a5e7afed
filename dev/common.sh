# Sourced by the scripts of this folder: messages, and the folder that holds everything they install.

started=$SECONDS

say() { printf '%s: [%d s] %s\n' "${0##*/}" $((SECONDS - started)) "$*" >&2; }

# fail MESSAGE [LINE...]: what went wrong, then why and what to try.
fail() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# Prints the cache folder, which it creates.
cache_folder() {
  local folder=${SPLITLINK_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set; set SPLITLINK_CACHE to a folder for what this script installs}/.cache}/splitlink}
  mkdir -p "$folder" || fail "cannot create the cache folder $folder" "set SPLITLINK_CACHE to a folder that you can write to"
  folder=$(realpath "$folder")
  case $folder in
  /tmp | /tmp/*) fail "the cache folder $folder is under /tmp" "Bazel's sandbox hides /tmp from actions, and Bazel itself will lie in this folder" \
    "set SPLITLINK_CACHE (or HOME) to a folder elsewhere" ;;
  *[[:space:]]*) fail "the name of the cache folder '$folder' contains white space" "Bazel does not accept that; set SPLITLINK_CACHE to another folder" ;;
  esac
  echo "$folder"
}
