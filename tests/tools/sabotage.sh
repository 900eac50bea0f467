#!/usr/bin/env bash
# sabotage.sh [NAME…]  Breaks each promise of tests/sabotage/NAME.sed in a copy of the header and demands that a program
# which the file names ("# Shows: unit/op behaviour") turns short. Prints ok or short for each.
# A program is tests/DIR/NAME.c, DIR/NAME:TEST of one that takes ONLY=TEST, "behaviour:TEST" (on local_d1) or
# "hygiene:CHECK".
# All have to pass with the header as it is.
set -eu
cd "$(dirname "$0")/../.."
work=$PWD/build/sabotage
export work

run_one() { # COPY PROGRAM: 0 it passes, 1 it turns short, 2 it does not build, 3 it does not end
    local copy=$1 source=$1/tests/${2%%:*}.c args= wrap= only= status=0
    case $2 in
    hygiene*)
        ONLY=${2#*:} "$copy/tests/compile/run.sh" >"$copy/log" 2>&1
        return
        ;;
    behaviour*) source=$copy/tests/behaviour/behaviour.c args=local ;;
    setup/crash) args=10 ;;
    setup/race) args='local 20' ;;
    setup/large) args=local wrap=-O2 ;; # its limit of time is of an optimized program
    setup/*) args=local ;;
    sync/crash) args='local 60' ;;
    sync/large:*) args="${2#*:} 100000" wrap=-O2 ;;
    seams/device) wrap=-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free ;;
    esac
    "${CC:-cc}" -std=c99 -D_POSIX_C_SOURCE=200809L -w "$source" -o "$copy/program" -lsqlite3 -lcurl -lm -lpthread $wrap \
        >"$copy/log" 2>&1 || return 2
    [[ $2 != *:* ]] || only=${2#*:}
    (cd "$copy" && env PAIRS=300 ${only:+ONLY="$only"} timeout 120 ./program $args) >"$copy/log" 2>&1 || status=$?
    case $status in 0) ;; 124) return 3 ;; *) return 1 ;; esac
}

copy_tree() { # FROM NAME
    rm -rf "${work:?}/$2"
    mkdir -p "$work/$2"
    (cd "$1" && tar --exclude=node_modules -cf - d1target.h README.md examples tests) | tar -C "$work/$2" -xf -
}

one() { # NAME
    local name=$1 copy=$work/$1 file=tests/sabotage/$1.sed program status promise shown='' missed=''
    promise=$(sed -n 's/^# Broken: \(.*\)\.$/\1/p' "$file")
    copy_tree "$work/unbroken" "$name"
    sed -E -i -f "$file" "$copy/d1target.h"
    if cmp -s "$work/unbroken/d1target.h" "$copy/d1target.h"; then
        echo "short $name: does not apply any more"
        return 1
    fi
    for program in $(sed -n 's/^# Shows: //p' "$file"); do
        status=0
        run_one "$copy" "$program" 2>/dev/null || status=$?
        case $status in 0) missed+=" $program" ;; 1) shown+=" $program" ;; 2) missed+=" $program(does not build)" ;; *) missed+=" $program(does not end)" ;; esac
    done
    if [ -z "$shown" ] || [ -n "$missed" ]; then
        echo "short $name: not noticed by$missed ($promise)"
        return 1
    fi
    echo "ok    $name:$shown ($promise)"
    rm -rf "$copy"
}

if [ "${1-}" = --one ]; then
    one "$2" || exit 1
    exit 0
fi
mkdir -p "$work"
if [ $# -gt 0 ]; then names=("$@"); else names=($(basename -s .sed tests/sabotage/*.sed)); fi
failed=0
copy_tree . unbroken
for program in $(for name in "${names[@]}"; do sed -n 's/^# Shows: //p' "tests/sabotage/$name.sed"; done | tr ' ' '\n' | sort -u); do
    if ! run_one "$work/unbroken" "$program" 2>/dev/null; then
        failed=$((failed + 1))
        echo "short $program: does not pass with the header as it is"
        tail -n 5 "$work/unbroken/log"
    fi
done
printf '%s\n' "${names[@]}" | xargs -P 2 -n 1 "$0" --one | tee "$work/results" || true
passed=$(grep -c '^ok' "$work/results" || true)
failed=$((failed + ${#names[@]} - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
