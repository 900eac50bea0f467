#!/usr/bin/env bash
# public-calls.sh [HEADER]  The names of all public functions, from their declarations, one X(name) a line.
set -eu
header=${1:-d1target.h}
sed '/you can stop reading here/q' "$header" |
    sed -nE 's/^D1TDEF [A-Za-z_][A-Za-z0-9_ *]*[ *](d1t_[a-z0-9_]+)\(.*/X(\1)/p'
