#!/usr/bin/env bash
# run.sh                     the quick part: every program of this folder on local_d1, two of them beside workerd too
# run.sh NAME ARGUMENT...    one program; "live" as its first argument: "url", and the URLs of workerd at the end
# Ends with `N passed, N failed`. Environment: CC, FROM (of crash), ONLY (of acceptance).
set -eu
cd "$(dirname "$0")/../.."
suite=sync fast='crash large'
. tests/tools/runner.sh

quick_local() {
    local source name
    for source in tests/sync/*.c; do
        name=$(basename "$source" .c)
        [ "$name" != mirror_killed ] || continue    # mirror.sh builds it
        build "$name"
        case $name in
        crash)
            run crash local 100
            run crash cut 1
            run crash_sanitized local 5
            ;;
        large)
            run large store 100000
            run large stateless 100000
            run large memory 100000
            ;;
        acceptance) run acceptance local ;;
        *) run "$name" ;;
        esac
    done
}

quick_live() { # URL...
    run crash url 20 "$@"
    [ ! -x build/sync/acceptance ] || run acceptance url "$@"
}

suite "$@"
