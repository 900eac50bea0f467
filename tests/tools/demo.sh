#!/usr/bin/env bash
# demo.sh  Keeps a code index of /usr/include and of this project in D1: a first run, an unchanged second, a third with
# one file edited and one removed; then a few answers. D1 is local_d1 over a file in build/demo, and its tables are
# counted with the sqlite3 shell. With the CLOUDFLARE_* variables set it is the real D1, and only the project is indexed
# unless DEMO_TREES=/usr/include says otherwise: a million symbols cost three million written rows.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/demo
fail() { echo "demo: $*" >&2; exit 1; }

need=(sqlite3.h=libsqlite3-dev curl/curl.h=libcurl4-openssl-dev ctags=universal-ctags sqlite3=sqlite3)
[ -z "${CLOUDFLARE_API_TOKEN:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] ||
    need+=(update-ca-certificates=ca-certificates)
tests/tools/need.sh "${need[@]}"

rm -rf "$out"
mkdir -p "$out/project"
tar --exclude=./.git --exclude=build --exclude=node_modules -cf - . | tar -xf - -C "$out/project"
"${CC:-cc}" -std=c99 -O2 -o "$out/code_index" examples/code_index.c -lsqlite3 -lcurl

if [ -n "${CLOUDFLARE_API_TOKEN:-}" ]; then
    database=() trees=("$out/project")
    read -r -a more <<<"${DEMO_TREES:-}"
    trees+=("${more[@]}")
else
    database=(--database "$out/d1.sqlite") trees=("$out/project" /usr/include)
fi
index() { "$out/code_index" "${database[@]}" --run "$1" "${trees[@]}" | tee "$out/run$1"; }
figure() { tail -n 1 "$out/run$1" | grep -o " $2=[0-9]*" | cut -d= -f2; }

echo "== run 1: nothing is there"
index 1
echo "== run 2: nothing has changed"
index 2
[ "$(figure 2 rows_written)" = 0 ] || fail "the unchanged run wrote $(figure 2 rows_written) rows"
echo "== run 3: d1target.h has a symbol more and one less, examples/quickstart.c is gone"
sed -i -e '$a int demo_added(void);' -e 's/d1t_put_line(/demo_renamed(/' "$out/project/d1target.h"
rm "$out/project/examples/quickstart.c"
index 3
[ "$(figure 3 files)" = $(($(figure 2 files) - 1)) ] || fail "the removed file is still there"
echo "== what it knows"
"$out/code_index" "${database[@]}" --query d1t_upsert
[ ${#database[@]} -gt 0 ] || exit 0

for table in files symbols; do
    counted=$(sqlite3 "$out/d1.sqlite" "SELECT count(*) FROM $table")
    [ "$counted" = "$(figure 3 $table)" ] || fail "run 3 says $table=$(figure 3 $table), the sqlite3 shell $counted"
    echo "the sqlite3 shell counts the same $table: $counted"
done
"$out/code_index" --database "$out/fresh.sqlite" "$out/project" >"$out/fresh"
for rows in "path, hex(hash), bytes, lines FROM files" "path, name, kind, scope, nth, line, signature FROM symbols"; do
    rows="SELECT $rows WHERE path GLOB '$out/project/*'"
    cmp <(sqlite3 "$out/d1.sqlite" "$rows" | sort) <(sqlite3 "$out/fresh.sqlite" "$rows" | sort) ||
        fail "the project's rows are not those of an index made from nothing"
done
echo "the project's rows are those of an index made from nothing"
