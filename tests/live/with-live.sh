#!/bin/sh
# with-live.sh COMMAND…  Runs COMMAND beside a real workerd (D1) on a free loopback port; returns COMMAND's status.
#   D1_WORKER_URL    …/client/v4: D1's public REST shape, any account, any bearer token (D1_TOKEN, if set, must match)
#   D1_EXPLORER_URL  …/explorer/api: Cloudflare's local explorer, POST /d1/database/{id}/raw, string parameters only
#   D1_DATABASE_IDS  64 ids, each an empty database, the same ones behind both;
#                    POST $D1_WORKER_URL/accounts/{a}/d1/database/{id}/reset empties one again
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { echo "usage: with-live.sh COMMAND..." >&2; exit 2; }
fail() { echo "with-live: $*" >&2; exit 1; }

mkdir -p "$here/build"
(
    flock 9 # two runs must not install at once
    cd "$here"
    [ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
    command -v npm >/dev/null || fail "npm not found (apt-get install npm)"
    npm ci --no-audit --no-fund >build/npm.log 2>&1 9>&- || fail "npm ci failed, see $here/build/npm.log"
) 9>"$here/build/lock"

# miniflare 5 needs Node 22; Debian 12 has 18. So the lock file brings a node of its own.
node=node
for own in "$here"/node_modules/node-linux-*/bin/node; do [ -x "$own" ] && node=$own; done

# setpriv: whoever started this may die without a word; then so does the server, and workerd with it.
exec setpriv --pdeathsig TERM "$node" "$here/server.mjs" "$@"
