#!/usr/bin/env bash
# migrate.sh  The command examples/migrate.c, against local_d1 over an SQLite file that the sqlite3 shell also opens.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/migrate
db=$out/d1.sqlite
passed=0 failed=0

rm -rf "$out"
mkdir -p "$out"
# shellcheck disable=SC2086
"${CC:-cc}" -std=c99 -Wall -Wextra -pedantic -Werror ${CFLAGS:--O1} -o "$out/migrate" examples/migrate.c -lsqlite3 -lcurl
unset "${!CLOUDFLARE_@}"

migrate() { # STATUS ARGUMENT…: its output in $said
    local expect=$1 status=0
    shift
    said=$("$out/migrate" --database "$db" "$@" 2>&1 </dev/null) || status=$?
    [ "$status" = "$expect" ] || { echo "migrate $*: exit status $status, not $expect"; echo "$said"; return 1; }
}
says() { # TEXT…: all of them
    local text
    for text; do
        [[ $said == *"$text"* ]] || { echo "it does not say: $text"; echo "$said"; return 1; }
    done
}
silent_on() { [[ $said != *"$1"* ]] || { echo "it says: $1"; echo "$said"; return 1; }; }
sql() { sqlite3 -batch -cmd '.timeout 5000' "$db" "$1"; }
holds() { # ANSWER SQL
    local answer
    answer=$(sql "$2")
    [ "$answer" = "$1" ] || { echo "$2 is '$answer', not '$1'"; return 1; }
}
tables() { printf '[%s]\n' "$1" >"$out/tables.json"; }  # the file that is planned
test_run() { # NAME: in a database of its own
    rm -f "$db"*
    sql ''
    local status=0
    set +e
    (set -e; "$1") >"$out/log" 2>&1
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "SHORT: $1"
        sed 's/^/    /' "$out/log"
    fi
}
file=$out/tables.json

files='{"version":1,"name":"files","columns":[{"name":"path","type":"text","key":true},{"name":"size","type":"text"}]}'
sizes=${files/'"size","type":"text"'/'"size","type":"integer"'}

plan_then_apply_then_nothing_to_do() {
    tables "$files"
    migrate 2 plan "$file"
    says '+ table files'
    holds 0 "SELECT count(*) FROM sqlite_schema WHERE name='files'"
    migrate 0 apply "$file" --yes
    says 'applied: ' ' requests, ' ' rows written'
    holds 1 "SELECT count(*) FROM sqlite_schema WHERE name='files'"
    migrate 0 plan "$file"
    says 'nothing to do'
    migrate 0 drift
    says 'nothing has changed'
}

only_yes_goes_on() {
    tables "$files"
    said=$(echo no | "$out/migrate" --database "$db" apply "$file" 2>&1) && return 1
    says 'nothing was applied'
    migrate 1 apply "$file"     # the end of its input is no yes either
    holds 0 "SELECT count(*) FROM sqlite_schema WHERE name='files'"
    echo yes | "$out/migrate" --database "$db" apply "$file"
    holds 1 "SELECT count(*) FROM sqlite_schema WHERE name='files'"
}

lossy_needs_to_be_allowed_and_names_a_row_only_when_asked() {
    tables "$files"
    migrate 0 apply "$file" --yes
    sql "INSERT INTO files VALUES('secret/a','12'),('secret/b','many')"
    tables "$sizes"
    migrate 2 plan "$file"
    says 'type TEXT -> INTEGER' 'lossy' '1 values do not survive' --show-keys
    silent_on secret
    migrate 2 plan "$file" --show-keys
    says 'secret/b'
    migrate 1 apply "$file" --yes
    says '--allow lossy'
    holds many "SELECT size FROM files WHERE path='secret/b'"
    migrate 0 apply "$file" --yes --allow lossy
    holds 'secret/a|12|integer
secret/b||null' "SELECT path,size,typeof(size) FROM files ORDER BY path"
    migrate 0 plan "$file"
}

what_survives_is_not_lossy() {
    tables "$files"
    migrate 0 apply "$file" --yes
    sql "INSERT INTO files VALUES('a','12')"
    tables "$sizes"
    migrate 0 apply "$file" --yes
    says none
    holds '12|integer' "SELECT size,typeof(size) FROM files"
}

dropping_a_column_needs_destructive() {
    tables "${files/',{"name":"size","type":"text"}'/}"
    cp "$file" "$out/narrow.json"
    tables "$files"
    migrate 0 apply "$file" --yes
    migrate 1 apply "$out/narrow.json" --yes --allow lossy
    says '- column files.size' '--allow destructive'
    migrate 0 apply "$out/narrow.json" --yes --allow destructive
    holds 1 "SELECT count(*) FROM pragma_table_info('files')"
}

drift_is_told_and_can_be_undone() {
    tables "$files"
    migrate 0 apply "$file" --yes
    sql "ALTER TABLE files ADD COLUMN extra BLOB; CREATE INDEX by_hand ON files(size)"
    migrate 2 drift
    says 'files.extra' 'by_hand'
    migrate 0 apply "$file" --yes --allow destructive
    migrate 0 drift
    holds 2 "SELECT count(*) FROM pragma_table_info('files')"
}

drift_without_a_record_is_an_error() {
    sql "CREATE TABLE files(path TEXT PRIMARY KEY NOT NULL)"
    migrate 1 drift
    says D1T_ERR_SCHEMA 'nothing is recorded'
}

a_schema_that_changes_while_it_asks_is_a_conflict() {
    tables "$files"
    migrate 0 apply "$file" --yes
    tables "$sizes"
    coproc ASKING { exec "$out/migrate" --database "$db" apply "$file" 2>&1; }
    local pid=$ASKING_PID status=0
    read -r -d : -u "${ASKING[0]}" # "… about 0 rows written, $0.00" and the question end in a colon each
    said=$REPLY
    while [[ $said != *goes\ on* ]]; do read -r -d : -u "${ASKING[0]}"; said+=$REPLY; done
    sql "ALTER TABLE files ADD COLUMN other"
    echo yes >&"${ASKING[1]}"
    said=$(cat <&"${ASKING[0]}")
    wait "$pid" || status=$?
    [ "$status" = 1 ]
    says D1T_ERR_CONFLICT 'plan again'
    holds 'TEXT' "SELECT type FROM pragma_table_info('files') WHERE name='size'"
}

everything='{"version":1,"name":"notes","columns":[{"name":"id","type":"integer","key":true},
 {"name":"text","type":"text","not_null":true,"default":"\u0027it\u0027\u0027s\u0027","collation":"NOCASE"},
 {"name":"at","type":"timestamp"},{"name":"doc","type":"json"},{"name":"up","type":"integer"},
 {"name":"short","type":"text","generated":"substr(text,1,9)"},
 {"name":"changed","type":"text","on_write":"CURRENT_TIMESTAMP"}],
 "indexes":[{"name":"notes_at","columns":["at"],"unique":true,"where":"at > 3"},
            {"name":"notes_lower","columns":[],"terms":"lower(`text`)"},
            {"name":"notes_words","columns":["text"],"fts5":true},{"name":"notes_up","columns":["up"]}],
 "foreign_keys":[{"parent":"notes","columns":["up"],"on_delete":"set null"}],
 "checks":[{"name":"not_empty","sql":"text <> \u0027\u0027"}],"strict":true}'

what_is_exported_has_nothing_to_do() {
    tables "$files,$everything"
    migrate 0 apply "$file" --yes
    migrate 0 plan "$file"
    sql 'CREATE TABLE "of others"(k VARCHAR(9) PRIMARY KEY NOT NULL, "a""b" DATETIME DEFAULT CURRENT_TIMESTAMP);
         CREATE INDEX odd ON "of others"("a""b" DESC); CREATE VIEW v AS SELECT 1'
    migrate 0 export-state
    echo "$said" >"$out/state.json"
    [ "$(sqlite3 :memory: "SELECT json_valid(readfile('$out/state.json'))")" = 1 ]
    says '"on_write"' '"type":"timestamp"' VARCHAR 'of others'
    migrate 0 plan "$out/state.json"
    says 'nothing to do'
}

a_copy_made_from_the_exported_state_is_the_same() {
    tables "$files,$everything"
    migrate 0 apply "$file" --yes
    migrate 0 export-state
    echo "$said" >"$out/state.json"
    rm -f "$db"*
    migrate 0 apply "$out/state.json" --yes
    migrate 0 export-state
    [ "$said" = "$(cat "$out/state.json")" ]
}

tables_that_cannot_be_declared_are_left_out_with_the_reason() {
    sql "CREATE TABLE no_key(a); CREATE TABLE files(path TEXT PRIMARY KEY NOT NULL)"
    migrate 0 export-state
    says 'no_key is left out' 'no key' '"files"'
}

changed_tables_are_exported_as_they_are() {
    tables "$files"
    migrate 0 apply "$file" --yes
    sql "ALTER TABLE files ADD COLUMN extra BLOB"
    "$out/migrate" --database "$db" export-state >"$out/state.json" 2>"$out/told"
    grep -q 'files was changed' "$out/told"
    grep -q '"extra"' "$out/state.json"
    migrate 0 apply "$out/state.json" --yes     # which takes the change as it is
    migrate 0 drift
    holds 3 "SELECT count(*) FROM pragma_table_info('files')"
}

parent='{"version":1,"name":"p","columns":[{"name":"k","type":"integer","key":true},{"name":"v","type":"text"}]}'
child='{"version":1,"name":"c","columns":[{"name":"k","type":"integer","key":true},{"name":"p","type":"integer"}],
 "foreign_keys":[{"parent":"p","columns":["p"],"on_delete":"cascade"}],"indexes":[{"name":"c_p","columns":["p"]}]}'
grandchild='{"version":1,"name":"gc","columns":[{"name":"k","type":"integer","key":true},{"name":"c","type":"integer"}],
 "foreign_keys":[{"parent":"c","columns":["c"],"on_delete":"cascade"}],"indexes":[{"name":"gc_c","columns":["c"]}]}'

a_rebuilt_parent_keeps_its_children() {
    tables "$parent,$child,$grandchild"
    migrate 0 apply "$file" --yes
    sql "INSERT INTO p VALUES(1,'5'),(2,'6'); INSERT INTO c VALUES(10,1),(20,2); INSERT INTO gc VALUES(100,10),(200,20)"
    tables "${parent/'"v","type":"text"'/'"v","type":"integer"'},$child,$grandchild"
    migrate 2 plan "$file"
    says '~ rebuild p (closure: c, gc)'
    migrate 0 apply "$file" --yes
    holds '2|2|2|11' "SELECT (SELECT count(*) FROM p),(SELECT count(*) FROM c),(SELECT count(*) FROM gc),(SELECT sum(v) FROM p)"
    holds '' "PRAGMA foreign_key_check"
    migrate 0 plan "$file"
    sql "PRAGMA foreign_keys=on; DELETE FROM p WHERE k=1"
    holds 20 "SELECT k FROM c"
    holds 200 "SELECT k FROM gc"
}

hints_rename_and_keep_the_rows() {
    tables "$files"
    migrate 0 apply "$file" --yes
    sql "INSERT INTO files VALUES('a','12')"
    tables '{"version":1,"name":"documents","was":"files","columns":[{"name":"path","type":"text","key":true},
        {"name":"length","type":"text","was":"size"},{"name":"more","type":"text"}]}'
    migrate 2 plan "$file"
    says 'rename table files -> documents' 'size -> length'
    migrate 0 apply "$file" --yes
    holds 'a|12|' "SELECT path,length,more FROM documents"
    migrate 0 plan "$file"
    migrate 0 drift
}

prune_drops_what_left_the_file_and_nothing_else() {
    tables "$files,$parent"
    migrate 0 apply "$file" --yes
    sql "CREATE TABLE of_others(a)"
    tables "$files"
    migrate 0 plan "$file"
    migrate 2 plan "$file" --prune
    says '- table p' destructive
    silent_on of_others
    migrate 1 apply "$file" --prune --yes
    migrate 0 apply "$file" --prune --yes --allow destructive
    holds 'files
of_others' "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE '\_%' ESCAPE '\' ORDER BY name"
}

adopt_writes_down_what_was_there() {
    sql "CREATE TABLE files(path TEXT NOT NULL, size TEXT, PRIMARY KEY(path))"
    tables "$files"
    migrate 0 plan "$file"
    migrate 2 plan "$file" --adopt
    says '= adopt files'
    migrate 0 apply "$file" --adopt --yes
    sql "ALTER TABLE files ADD COLUMN extra"
    migrate 2 drift
}

a_plan_as_json_says_the_same() {
    tables "$files"
    migrate 2 plan "$file" --json
    echo "$said" >"$out/plan.json"
    [ "$(sqlite3 :memory: "SELECT json_extract(readfile('$out/plan.json'),'$.change','$.steps[0].kind','$.steps[0].table')")" \
        = '["create","create table","files"]' ]
    migrate 0 apply "$file" --yes
    migrate 0 plan "$file" --json
    says '"change":"none"'
}

what_is_refused_is_an_error_and_says_the_cure() {
    tables "$files"
    migrate 0 apply "$file" --yes
    sql "INSERT INTO files VALUES('a',NULL)"
    tables "${files/'"type":"text"}]'/'"type":"text","not_null":true}]'}"
    migrate 1 plan "$file"
    says '! ' 'rows have no value there, and there is no default'
    migrate 1 apply "$file" --yes --allow destructive
    holds '' "SELECT size FROM files"
}

mistakes_in_the_file_name_the_place_and_the_cure() {
    tables "$files,
{\"version\":1,\"name\":\"t\",\"columns\":[{\"name\":\"k\",\"type\":\"strng\",\"key\":true}]}"
    migrate 1 plan "$file"
    says "$file:2:62: " 'unknown type: strng' 'integer, real, text'
    tables "${files/'"key"'/'"kee"'}"
    migrate 1 plan "$file"
    says "$file:1:" 'kee'
    tables "${files/',"key":true'/}"
    migrate 1 plan "$file"
    says "$file:1:2: " 'table files' 'no key'
    tables "$files,$files"
    migrate 1 plan "$file"
    says 'files' 'this name'
    tables "$files,"
    migrate 1 plan "$file"
    says "$file:1:" 'not valid JSON'
    printf '[%s' "$files" >"$file"
    migrate 1 plan "$file"
    says 'ends too early'
    echo "$files" >"$file"
    migrate 1 plan "$file"
    says "$file:1:" '{"tables":[...]}'
    tables 7
    migrate 1 plan "$file"
    says 'a table is an object'
    tables ''
    migrate 1 plan "$file"
    says 'no table'
    migrate 1 plan "$out/missing.json"
    says missing.json
}

both_forms_of_the_file_are_read() {
    printf '{"tables":[%s]}' "$files" >"$file"
    migrate 2 plan "$file"
    says '+ table files'
}

the_command_line_is_checked() {
    tables "$files"
    for line in '' plan apply 'drift x' "plan $file --colour" "plan $file x" "plan $file --allow much" "plan $file --allow" \
        "drift --json" migrate; do
        # shellcheck disable=SC2086
        migrate 1 $line
        says 'migrate'
    done
    said=$("$out/migrate" plan "$file" 2>&1) && return 1
    says '--database FILE' CLOUDFLARE_ACCOUNT_ID
}

for name in $(declare -F | cut -d' ' -f3); do
    case $name in
    migrate | says | silent_on | sql | holds | tables | test_run) ;;
    *) test_run "$name" ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
