#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages named as arguments that are not installed yet. Says nothing
# and touches nothing when all are there. Used by run.sh and test.sh.
set -euo pipefail

missing=()
for package in "$@"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

fail() {
  printf 'hawser: %s\n' "$@" >&2
  exit 69
}

command -v apt-get >/dev/null ||
  fail "these libraries are missing: ${missing[*]}" \
    "This is no Debian or Ubuntu; install what corresponds to them, then start again."

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    fail "these packages are missing: ${missing[*]}" \
      "Run as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

echo "Installing ${missing[*]} …"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1
}
# A fresh machine has no package lists; another one's may be out of date.
install || { "${as_root[@]}" apt-get update -qq >"$log" 2>&1 && install; } || {
  tail -n 15 "$log" >&2
  if grep -qE 'resolv|Could not connect|Failed to fetch|Unable to fetch' "$log"; then
    fail "The packages could not be fetched: is there a network?"
  fi
  fail "apt-get could not install: ${missing[*]}"
}
