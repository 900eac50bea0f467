#!/bin/sh
# with-live.sh COMMAND…  Runs COMMAND beside a real workerd (D1) on a free loopback port; returns COMMAND's status.
#   D1_WORKER_URL    …/client/v4: D1's public REST shape, any account, any bearer token (D1_TOKEN, if set, must match)
#   D1_EXPLORER_URL  …/explorer/api: Cloudflare's local explorer, POST /d1/database/{id}/raw, string parameters only
#   D1_DATABASE_IDS  64 ids, each an empty database, the same ones behind both;
#                    POST $D1_WORKER_URL/accounts/{a}/d1/database/{id}/reset empties one again
#                    POST $D1_WORKER_URL/accounts/{a}/d1/database/{id}/barrier makes its next two requests that write wait
#                    for each other; GET says how many came (Worker only, and no part of D1's shape, like reset)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { echo "usage: with-live.sh COMMAND..." >&2; exit 2; }

"$here/../tools/npm-ci.sh" "$here"
mkdir -p "$here/build"

# miniflare 5 needs Node 22; Debian 12 has 18. So the lock file brings a node of its own.
node=node
for own in "$here"/node_modules/node-linux-*/bin/node; do [ -x "$own" ] && node=$own; done

# setpriv: whoever started this may die without a word; then so does the server, and workerd with it.
exec setpriv --pdeathsig TERM "$node" "$here/server.mjs" "$@"
