#!/bin/sh
# live.sh PROGRAM ARGUMENT...  Runs PROGRAM url ARGUMENT... DATABASE_URL... inside with-live.sh, on its Worker.
set -eu
program=$1
shift
[ -n "${D1_WORKER_URL-}" ] || exec "$(dirname "$0")/../live/with-live.sh" "$0" "$program" "$@"
for id in $D1_DATABASE_IDS; do set -- "$@" "$D1_WORKER_URL/accounts/a/d1/database/$id"; done
exec "$program" url "$@"
