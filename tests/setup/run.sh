#!/usr/bin/env bash
# run.sh                     the quick part: every program of this folder on local_d1, five of them beside workerd too
# run.sh NAME ARGUMENT...    one program; "live" as its first argument: "url", and the URLs of workerd at the end
# Ends with `N passed, N failed`. Environment: CC, PAIRS (of property), ONLY (of acceptance).
set -eu
cd "$(dirname "$0")/../.."
out=build/setup
strict="-std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual
        -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wpointer-arith -Werror"
passed=0 failed=0
mkdir -p "$out"

# crash, large and split repeat the same thousands of times: without sanitizers; crash's first migrations are run with them too.
build() { # NAME
    local flags="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
    case $1 in crash | large | split) flags=-O2 ;; esac
    [ "$1" != crash ] || ${CC:-cc} $strict -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
        tests/setup/crash.c -o "$out/crash_sanitized" -lsqlite3 -lcurl -lm
    ${CC:-cc} $strict $flags "tests/setup/$1.c" -o "$out/$1" -lsqlite3 -lcurl -lm -lpthread
}

run() { # NAME ARGUMENT...: shows its output and adds its counts
    local log=$out/$1.log last status=0
    echo "== setup/$1 ${*:2:2}"
    "$out/$1" "${@:2}" >"$log" 2>&1 || status=$?
    cat "$log"
    last=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1) || last="0 passed, 1 failed"
    passed=$((passed + ${last%% *}))
    last=${last#*, }
    failed=$((failed + ${last%% *}))
    if [ "$status" -ne 0 ] && [ "${last%% *}" -eq 0 ]; then
        echo "setup/$1 ended with $status"
        failed=$((failed + 1))
    fi
}

end() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

urls() { # those of the databases of with-live.sh
    local id
    for id in $D1_DATABASE_IDS; do echo "$D1_WORKER_URL/accounts/a/d1/database/$id"; done
}

quick_local() {
    local source name
    for source in tests/setup/*.c; do
        name=$(basename "$source" .c)
        build "$name"
        case $name in
        crash)
            run crash 40
            run crash_sanitized 4
            ;;
        race) run race local 40 ;;
        property) PAIRS=300 run property local ;;
        *) run "$name" local ;;
        esac
    done
}

quick_live() { # inside with-live.sh
    # shellcheck disable=SC2046
    set -- $(urls)
    run cascade url "$@"
    run others url "$@"
    run acceptance url "$@"
    run race url 10 "$@"
    PAIRS=20 run property url "$@"
    end
}

case ${1-} in
'')
    quick_local
    tests/live/with-live.sh "$0" --quick >"$out/live.log" 2>&1 || failed=$((failed + 1))
    sed '$d' "$out/live.log"
    last=$(tail -1 "$out/live.log" | grep -E '^[0-9]+ passed') || last="0 passed, 1 failed"
    passed=$((passed + ${last%% *}))
    ;;
--quick) quick_live && exit ;;
--live)
    # shellcheck disable=SC2046
    run "$2" url "${@:3}" $(urls)
    ;;
*)
    build "$1"
    if [ "${2-}" = live ]; then exec tests/live/with-live.sh "$0" --live "$1" "${@:3}"; fi
    run "$@"
    ;;
esac
end
