#!/bin/sh
# with-live.sh ./smoke.sh  Does the judge itself keep D1's contract? Needs curl.
set -u
passed=0 failed=0 next=0

# A new database for each case: $worker is its REST path, $explorer its local explorer path.
fresh() {
    next=$((next + 1))
    id=$(echo "$D1_DATABASE_IDS" | cut -d' ' -f$next)
    worker=$D1_WORKER_URL/accounts/a/d1/database/$id
    explorer=$D1_EXPLORER_URL/d1/database/$id
}
post() { # URL BODY  ->  "STATUS JSON", meta left out: its durations differ every time
    curl -s -w '%{http_code}' -H "Authorization: Bearer ${auth-${D1_TOKEN:-t}}" -H 'Content-Type: application/json' "$1" --data-binary "$2" |
        sed -E 's/,"meta":\{[^{}]*(\{[^{}]*\})?[^{}]*\}//g; s/^(.*)(...)$/\2 \1/'
}
expect() { # NAME WANTED ANSWER: the wanted text has to be in the answer
    case $3 in
    *"$2"*) passed=$((passed + 1)) ;;
    *) failed=$((failed + 1)); printf '%s\n  wanted %s\n  got    %s\n' "$1" "$2" "$(printf %s "$3" | cut -c1-400)" ;;
    esac
}
both() { # NAME WANTED BODY, on Worker and explorer
    expect "worker: $1" "$2" "$(post "$worker/raw" "$3")"
    expect "explorer: $1" "$2" "$(post "$explorer/raw" "$3")"
}

fresh
both 'raw keeps duplicate columns' '{"columns":["a","a"],"rows":[[1,"x"]]}' '{"sql":"SELECT 1 AS a, ?1 AS a","params":["x"]}'
both 'raw names the columns of no rows' '{"columns":["a"],"rows":[]}' '{"sql":"SELECT 1 AS a WHERE 0"}'
both 'a batch answers every statement' '"rows":[[1]]}},{"success":true,"results":{"columns":["2"],"rows":[[2]]' '{"batch":[{"sql":"SELECT 1"},{"sql":"SELECT 2"}]}'
expect 'query answers objects' '200 {"success":true,"errors":[],"messages":[],"result":[{"success":true,"results":[{"a":1,"b":null}]}]}' \
    "$(post "$worker/query" '{"sql":"SELECT 1 AS a, NULL AS b"}')"
expect 'meta counts' '"rows_written":1' "$(curl -s -H 'Authorization: Bearer '"${D1_TOKEN:-t}" "$worker/query" -d '{"batch":[{"sql":"CREATE TABLE m(a)"},{"sql":"INSERT INTO m VALUES(1)"}]}')"

for path in "worker" "explorer"; do
    fresh
    eval "url=\$$path/raw"
    post "$url" '{"sql":"CREATE TABLE t(k INTEGER PRIMARY KEY, v INTEGER)"}' >/dev/null
    expect "$path: a batch that fails says why" 'UNIQUE constraint failed: t.k' \
        "$(post "$url" '{"batch":[{"sql":"INSERT INTO t VALUES(1,1)"},{"sql":"INSERT INTO t VALUES(2,2),(2,2)"}]}')"
    expect "$path: and leaves nothing" '"rows":[[0]]' "$(post "$url" '{"sql":"SELECT count(*) FROM t"}')"
    post "$url" '{"sql":"INSERT INTO t SELECT value->>0, value->>1 FROM json_each(?1)","params":["[[1,9223372036854775807],[2,-9223372036854775808]]"]}' >/dev/null
    expect "$path: int64 through json_each" '"rows":[["9223372036854775807","integer"],["-9223372036854775808","integer"]]' \
        "$(post "$url" '{"sql":"SELECT CAST(v AS TEXT), typeof(v) FROM t ORDER BY k"}')"
done
expect 'worker and explorer see one database' '"rows":[[2]]' "$(post "$worker/raw" '{"sql":"SELECT count(*) FROM t"}')"

expect 'worker: SQL error' '400 {"success":false,"errors":[{"code":7500,"message":"no such table: nope: SQLITE_ERROR"}]' "$(post "$worker/raw" '{"sql":"DELETE FROM nope"}')"
expect 'explorer: SQL error' '500 {"success":false,"errors":[{"code":10001,"message":"no such table: nope: SQLITE_ERROR"}]' "$(post "$explorer/raw" '{"sql":"DELETE FROM nope"}')"
expect 'worker: number and null parameters' '"rows":[["real","null","blob"]]' "$(post "$worker/raw" '{"sql":"SELECT typeof(?1),typeof(?2),typeof(?3)","params":[1,null,[0,255]]}')"
expect 'explorer: strings only' '400 ' "$(post "$explorer/raw" '{"sql":"SELECT ?1","params":[1]}')"
expect 'worker: body' '400 {"success":false,"errors":[{"code":7400,' "$(post "$worker/raw" '{"sql":')"
expect 'worker: unknown database' '404 {"success":false,"errors":[{"code":7404,' "$(post "$D1_WORKER_URL/accounts/a/d1/database/nope/raw" '{"sql":"SELECT 1"}')"
expect 'worker: unknown route' '404 {"success":false,"errors":[{"code":7003,' "$(post "$worker/nope" '{}')"
expect 'worker: no token' '401 {"success":false,"errors":[{"code":10000,' "$(auth='' post "$worker/raw" '{"sql":"SELECT 1"}')"

fresh
post "$worker/raw" '{"batch":[{"sql":"CREATE TABLE p(k INTEGER PRIMARY KEY)"},{"sql":"CREATE TABLE c(k REFERENCES p DEFERRABLE INITIALLY DEFERRED)"}]}' >/dev/null
expect 'worker: what breaks at commit is no SQL error' '500 {"success":false,"errors":[{"code":7500,' "$(post "$worker/raw" '{"sql":"INSERT INTO c VALUES(1)"}')"
expect 'worker: and leaves nothing' '"rows":[[0]]' "$(post "$worker/raw" '{"sql":"SELECT count(*) FROM c"}')"

post "$worker/raw" '{"batch":[{"sql":"INSERT INTO p VALUES(1)"},{"sql":"CREATE TABLE \"q\"\"r\"(k INTEGER PRIMARY KEY AUTOINCREMENT, p REFERENCES p ON DELETE RESTRICT)"},{"sql":"INSERT INTO \"q\"\"r\" VALUES(1,1)"},{"sql":"CREATE VIRTUAL TABLE f USING fts5(a)"},{"sql":"CREATE VIEW v AS SELECT * FROM p"},{"sql":"PRAGMA ignore_check_constraints=on"}]}' >/dev/null
expect 'reset' '200 {"success":true' "$(post "$worker/reset" '')"
expect 'reset leaves nothing' '"rows":[[0]]' "$(post "$worker/raw" "{\"sql\":\"SELECT count(*) FROM sqlite_schema WHERE substr(name,1,4)<>'_cf_' AND name<>'sqlite_sequence'\"}")"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
