#!/usr/bin/env bash
# need.sh THING=PACKAGE…  Each THING is a command or a header (name.h); PACKAGE is Debian's that has it.
# What is missing is installed with apt where that is possible, else named in one line.
set -eu
missing=()
for pair; do
    thing=${pair%%=*}
    case $thing in
    *.h) echo "#include <$thing>" | "${CC:-cc}" -E -x c - >/dev/null 2>&1 || missing+=("${pair#*=}") ;;
    *) command -v "$thing" >/dev/null || missing+=("${pair#*=}") ;;
    esac
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing packages, please install: ${missing[*]}" >&2
    exit 1
fi
echo "installing ${missing[*]}"
mkdir -p build/log
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -qq -o DPkg::Lock::Timeout=300"
if ! { $apt update && $apt install -y --no-install-recommends "${missing[@]}"; } >build/log/apt.log 2>&1; then
    tail -5 build/log/apt.log >&2
    echo "apt could not install: ${missing[*]} (build/log/apt.log)" >&2
    exit 1
fi
