# runner.sh  The common part of the run.sh of tests/setup and tests/sync, which source it in the project's folder with
# $suite (the folder's name) and $fast (names of programs that repeat the same thousands of times: no sanitizers).
out=build/$suite
strict="-std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual
        -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wpointer-arith -Werror"
passed=0 failed=0
mkdir -p "$out"

compile() { # NAME OUTPUT FLAGS...
    ${CC:-cc} $strict "${@:3}" "tests/$suite/$1.c" -o "$out/$2" -lsqlite3 -lcurl -lm -lpthread
}

build() { # NAME; crash is built with sanitizers too, as crash_sanitized
    local sanitized="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
    [ "$1" != crash ] || compile crash crash_sanitized $sanitized
    if [[ " $fast " == *" $1 "* ]]; then compile "$1" "$1" -O2; else compile "$1" "$1" $sanitized; fi
}

run() { # NAME ARGUMENT...: shows its output and adds its counts
    local log=$out/$1.log last status=0
    echo "== $suite/$1 ${*:2:2}"
    "$out/$1" "${@:2}" >"$log" 2>&1 || status=$?
    cat "$log"
    last=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1) || last="0 passed, 1 failed"
    passed=$((passed + ${last%% *}))
    last=${last#*, }
    failed=$((failed + ${last%% *}))
    if [ "$status" -ne 0 ] && [ "${last%% *}" -eq 0 ]; then
        echo "$suite/$1 ended with $status"
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

# ''                  quick_local here, then quick_live inside with-live.sh
# NAME ARGUMENT...    one program; "live" as its first argument: "url", and the URLs of workerd at the end
suite() {
    local last
    case ${1-} in
    '')
        quick_local
        tests/live/with-live.sh "$0" --quick >"$out/live.log" 2>&1 || failed=$((failed + 1))
        sed '$d' "$out/live.log"
        last=$(tail -1 "$out/live.log" | grep -E '^[0-9]+ passed') || last="0 passed, 1 failed"
        passed=$((passed + ${last%% *}))
        ;;
    --quick)
        # shellcheck disable=SC2046
        quick_live $(urls)
        ;;
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
}
