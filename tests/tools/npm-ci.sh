#!/bin/sh
# npm-ci.sh DIRECTORY  Installs what the lock file there names, unless that is done. If npm fails, it tells npm's reason.
set -eu
build=$(cd "$(dirname "$0")/../.." && pwd)/build
cd "$1"
name=npm-$(basename "$PWD")
log=$build/log/$name.log
fail() { echo "npm-ci: $*" >&2; exit 1; }

mkdir -p "$build/log"
exec 9>"$build/$name.lock"
flock 9 # two runs must not install at once
[ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
command -v npm >/dev/null || fail "npm not found (apt-get install npm)"
npm ci --no-audit --no-fund >"$log" 2>&1 9>&- || fail "npm ci failed in $PWD, $log ends:
$(tail -n 20 "$log")"
