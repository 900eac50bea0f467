#!/bin/bash
# run.sh  Builds the behaviour suite with ASan and UBSan and runs it on its four back ends: local_d1 in the process,
# local_d1_server over libcurl, the Worker on workerd, Cloudflare's local explorer. Prints a line for each; fails if any
# test does. ONLY=name_of_a_test runs that one.
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=build/behaviour/behaviour failed=0

run() { # BACK_END ARGUMENTS...
    local name=behaviour-$1 log=build/behaviour/$1.log status=0
    shift
    timeout 300 "$suite" "$@" >"$log" 2>&1 || status=$?
    sed -E "s/^[0-9]+ passed, [0-9]+ failed$/$name: &/" "$log"
    [ $status -eq 0 ] || failed=1
    grep -qE '^[0-9]+ passed, [0-9]+ failed$' "$log" || echo "$name: 0 passed, 1 failed: ended with status $status"
}

if [ "${1-}" = --live ]; then # inside with-live.sh; the two share the databases, so each takes a half
    read -ra ids <<<"$D1_DATABASE_IDS"
    worker=("${ids[@]::${#ids[@]}/2}") explorer=("${ids[@]:${#ids[@]}/2}")
    run worker url "${worker[@]/#/$D1_WORKER_URL/accounts/a/d1/database/}"
    run explorer url "${explorer[@]/#/$D1_EXPLORER_URL/d1/database/}"
    exit $failed
fi

mkdir -p build/behaviour
${CC:-cc} -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -O1 -g -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined tests/behaviour/behaviour.c -o "$suite" -lsqlite3 -lcurl -lm
${CC:-cc} -O2 examples/local_d1_server.c -o build/behaviour/local_d1_server -lmicrohttpd -lsqlite3

run local local

coproc server { exec build/behaviour/local_d1_server --until-eof; } # ends with this script, or here
read -r -u "${server[0]}" line
run server url "${line#listening on }/client/v4/accounts/a/d1/database/d"
exec {server[1]}>&-
wait "$server_PID"

tests/live/with-live.sh "$0" --live || failed=1
exit $failed
