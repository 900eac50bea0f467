#!/usr/bin/env bash
# run.sh                     the quick part: every program of this folder on local_d1, five of them beside workerd too
# run.sh NAME ARGUMENT...    one program; "live" as its first argument: "url", and the URLs of workerd at the end
# Ends with `N passed, N failed`. Environment: CC, PAIRS (of property), ONLY (of acceptance).
set -eu
cd "$(dirname "$0")/../.."
suite=setup fast='crash large split'
. tests/tools/runner.sh

quick_local() {
    local source name
    for source in tests/setup/*.c; do
        name=$(basename "$source" .c)
        build "$name"
        case $name in
        crash)
            run crash 25
            run crash_sanitized 4
            ;;
        race) run race local 20 ;;
        property) PAIRS=200 run property local ;;
        *) run "$name" local ;;
        esac
    done
}

quick_live() { # URL...
    run cascade url "$@"
    run others url "$@"
    run acceptance url "$@"
    run race url 10 "$@"
    PAIRS=20 run property url "$@"
}

suite "$@"
