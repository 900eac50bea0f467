#!/usr/bin/env bash
# run.sh  Builds the benchmarks and runs them; prints the figures, then ok or short for each target.
# Status 1: a target was missed. CC and CFLAGS are taken from the environment.
set -eu
cd "$(dirname "$0")/../.."
bench=build/bench
mkdir -p "$bench"
for name in encode requests workerd; do
    # shellcheck disable=SC2086 # CFLAGS are several words
    ${CC:-cc} -std=c99 -D_POSIX_C_SOURCE=200809L -O2 ${CFLAGS-} "tests/bench/$name.c" -o "$bench/$name" -lcurl -lm
done
{
    "$bench/encode"
    "$bench/requests"
    tests/live/with-live.sh "$bench/workerd"
} >"$bench/figures"
cat "$bench/figures"

short=0
target() { # NAME at-most|at-least LIMIT
    value=$(awk -v name="$1" '$1 == "figure:" && $2 == name { print $3 }' "$bench/figures")
    verdict=$(awk -v v="$value" -v how="$2" -v limit="$3" \
        'BEGIN { print v != "" && (how == "at-most" ? v + 0 <= limit : v + 0 >= limit) ? "ok" : "short" }')
    [ "$verdict" = ok ] || short=1
    printf '%-5s %s %s (%s %s)\n' "$verdict" "$1" "${value:-missing}" "$2" "$3"
}
target encode_ns_sorted at-most 200
target encode_ns_shuffled at-most 500
target requests_per_1000000_rows at-most 150
target memory_per_body at-most 3
target resident_growth_per_body at-most 3
target steady_allocations at-most 0
target bytes_left_after_close at-most 0
target ratio_bare_median at-least 0.85
target ratio_batch500 at-least 5
exit $short
