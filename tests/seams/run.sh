#!/usr/bin/env bash
# run.sh  Builds and runs the programs of this folder: driven, driven_sync, device, oom (quick), threads.
# Ends with `N passed, N failed`.
set -eu
cd "$(dirname "$0")/../.."
tests/tools/need.sh gcc=gcc addr2line=binutils sqlite3.h=libsqlite3-dev curl/curl.h=libcurl4-openssl-dev \
    microhttpd.h=libmicrohttpd-dev
out=build/seams
mkdir -p "$out"
cc=${CC:-gcc}
strict="-std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual
        -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wpointer-arith -Werror"
libs="-lsqlite3 -lcurl -lm"
passed=0 failed=0

run() { # PROGRAM ARGUMENTS...: shows its output and adds its counts
    local log=$out/${1##*/}.log last status=0
    echo "== seams/${1##*/}"
    "$@" >"$log" 2>&1 || status=$?
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1) || last="0 passed, 1 failed"
    cat "$log"
    passed=$((passed + ${last%% *}))
    last=${last#*, }
    failed=$((failed + ${last%% *}))
    if [ "$status" -ne 0 ] && [ "${last%% *}" -eq 0 ]; then
        echo "$1 ended with $status"
        failed=$((failed + 1))
    fi
}

tests/tools/public-calls.sh >"$out/public_calls.inc"
(
    $cc $strict -O1 tests/seams/driven.c -o "$out/driven" $libs
    $cc $strict -O1 tests/seams/driven_sync.c -o "$out/driven_sync" $libs
    $cc $strict -O1 -fno-builtin tests/seams/device.c -o "$out/device" -lsqlite3 -lm \
        -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
) &
first=$!
$cc $strict -O0 -gdwarf-4 -fno-pie -no-pie -finstrument-functions "-DPUBLIC_CALLS=\"../../$out/public_calls.inc\"" \
    tests/seams/oom.c -o "$out/oom" $libs
$cc $strict -O1 -g -fsanitize=thread tests/seams/threads.c -o "$out/threads" $libs -pthread
$cc -O1 examples/local_d1_server.c -o "$out/local_d1_server" -lmicrohttpd -lsqlite3
wait "$first"

run "$out/driven"
run "$out/driven_sync"
run "$out/device"
run "$out/oom" "$out/oom_sites"
if tests/tools/oom-sites.sh "$out/oom" "$out/oom_sites"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

coproc server { "$out/local_d1_server" --until-eof; }
pid=$server_PID
read -r _ _ url <&"${server[0]}" # "listening on URL"
run "$out/threads" "$url/client/v4"
exec {server[1]}>&- # the end of its input ends the server
wait "$pid"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
