#!/usr/bin/env bash
# mirror.sh  examples/mirror_dir.c in both directions, on temporary trees, against local_d1 over an SQLite file that the
# sqlite3 shell also opens. Killed runs: mirror_killed.c.
set -euo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0
strict=(-std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -pedantic -Werror)
mkdir -p build/mirror
program=$PWD/build/mirror/mirror_dir
cc=${CC:-cc}
# shellcheck disable=SC2086
"$cc" "${strict[@]}" ${CFLAGS:--O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all} -o "$program" \
    tests/sync/mirror_killed.c -lsqlite3 -lcurl
"$cc" "${strict[@]}" -fsyntax-only examples/mirror_dir.c
unset "${!CLOUDFLARE_@}"
# in memory where that is possible: there are many fsyncs
space=$(TMPDIR=$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}") mktemp -d -t mirror.XXXXXX)
trap 'rm -rf "$space"' EXIT
cd "$space"
db=d1.sqlite

mirror() { # STATUS ARGUMENT…: its output in $said
    local expect=$1 status=0
    shift
    said=$("$program" "$@" --database "$db" 2>&1 </dev/null) || status=$?
    [ "$status" = "$expect" ] || { echo "mirror_dir $*: exit status $status, not $expect"; echo "$said"; return 1; }
}
says() { # TEXT…: all of them
    local text
    for text; do
        [[ $said == *"$text"* ]] || { echo "it does not say: $text"; echo "$said"; return 1; }
    done
}
sql() { sqlite3 -batch -cmd '.timeout 5000' "$db" "$1"; }
holds() { # ANSWER SQL
    local answer
    answer=$(sql "$2")
    [ "$answer" = "$1" ] || { echo "$2 is '$answer', not '$1'"; return 1; }
}
rows() { # PATH=CONTENT…: the table
    local row
    sql 'DELETE FROM files'
    for row; do sql "INSERT INTO files VALUES('${row%%=*}', CAST('${row#*=}' AS BLOB))"; done
}
tree() { # DIR: PATH=CONTENT of the files in it, sorted
    (cd "$1" && find . -path ./.mirror_dir -prune -o -type f -print | LC_ALL=C sort | while read -r f; do
        printf '%s=%s ' "${f#./}" "$(cat "$f")"
    done)
}
is() { [ "$1" = "$2" ] || { echo "it is '$1', not '$2'"; return 1; }; }
test_run() { # NAME: in an empty directory
    rm -rf ./* .[!.]*
    mkdir t
    sql 'CREATE TABLE files(path TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY(path)) STRICT, WITHOUT ROWID'
    local status=0
    set +e
    (set -e; "$1") >"$space.log" 2>&1
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "SHORT: $1"
        sed 's/^/    /' "$space.log"
    fi
    rm -f "$space.log"
}

out_makes_changes_and_deletes_files() {
    rows a=1 d/e/b=2 d/c=3 'empty='
    mirror 0 out t
    is "$(tree t)" 'a=1 d/c=3 d/e/b=2 empty= '
    says '6 entries, 6 written'
    rows a=1 d/c=4 x/y=5 'empty='
    mirror 0 out t
    is "$(tree t)" 'a=1 d/c=4 empty= x/y=5 '
    says '3 written, 2 deleted'
    [ ! -e t/d/e ]
}

a_second_run_does_nothing() {
    rows a=1 d/b=2
    mirror 0 out t
    find t -type f -printf '%p %i %T@ %C@\n' | sort >before
    mirror 0 out t
    says '0 written, 0 deleted, 3 unchanged'
    find t -type f -printf '%p %i %T@ %C@\n' | sort >after
    cmp before after
    mirror 0 out t --full # which looks, and finds everything as it is
    find t -type f ! -path '*/.mirror_dir/*' -printf '%p %i %T@ %C@\n' | sort >after
    grep -v .mirror_dir before | cmp - after
}

files_of_others_are_kept() {
    mkdir -p t/d
    echo -n mine >t/own
    echo -n mine >t/d/own
    rows a=1 d/b=2 k=3
    mirror 0 out t
    rows k=3
    mirror 0 out t --max-delete 100
    is "$(tree t)" 'd/own=mine k=3 own=mine '
}

a_file_of_others_in_the_way_is_an_error_until_it_is_moved() {
    echo -n mine >t/a
    rows a=1 b=2
    mirror 1 out t
    says 'a: a file of others is in its place'
    mirror 1 out t # nor is it believed to be ours now
    is "$(cat t/a)" mine
    rows b=2
    mirror 0 out t --max-delete 100
    is "$(tree t)" 'a=mine b=2 '
    rows a=1 b=2
    mirror 1 out t
    mirror 0 out t --full
    is "$(tree t)" 'a=1 b=2 '
}

an_equal_file_of_others_is_adopted() {
    echo -n 1 >t/a
    rows a=1 b=2
    mirror 0 out t
    rows b=2
    mirror 0 out t
    is "$(tree t)" 'b=2 '
}

a_lost_store_does_no_harm() {
    rows a=1 d/b=2 c=3
    mirror 0 out t
    rm -r t/.mirror_dir
    rows a=1 d/b=2
    mirror 0 out t
    is "$(tree t)" 'a=1 c=3 d/b=2 ' # c was forgotten: it stays
}

what_others_changed_is_repaired_by_full() {
    rows a=1 d/b=2
    mirror 0 out t
    rm -r t/d
    echo -n spoilt >t/a
    mirror 0 out t
    is "$(tree t)" 'a=spoilt '
    mirror 0 out t --full
    is "$(tree t)" 'a=1 d/b=2 '
}

a_file_becomes_a_directory_and_back() {
    rows a=1 b/c/d=2 k=3
    mirror 0 out t
    rows a/x/y=1 b=2 k=3
    mirror 0 out t --max-delete 100
    is "$(tree t)" 'a/x/y=1 b=2 k=3 '
    rows a=1 b/c/d=2 k=3
    mirror 0 out t --max-delete 100
    is "$(tree t)" 'a=1 b/c/d=2 k=3 '
}

paths_that_lead_elsewhere_are_refused_before_anything_is_done() {
    local path
    for path in ../x /x a/../../x a//x ./x x/ . .. '' .mirror_dir/out a/./b; do
        rows a=1 "$path=2"
        mirror 1 out t
        says 'not a path that this program takes'
        is "$(tree t)" ''
        [ ! -e x ]
    done
    rows "$(printf 'x%.0s' {1..256})=1"
    mirror 1 out t
    says 'not a path'
}

links_are_never_followed() {
    mkdir outside
    echo -n mine >outside/a
    ln -s ../outside t/d
    ln -s ../outside/a t/f
    ln -s ../outside/new t/g
    rows d/x=1
    mirror 1 out t
    rows f=1
    mirror 1 out t --full
    rows g=1
    mirror 1 out t --full
    rows
    mirror 0 out t --max-delete 100
    [ -L t/f ] && [ -L t/d ] && [ -L t/g ]
    is "$(tree outside)" 'a=mine '
    rm t/d
    rows d/a=1
    mirror 0 out t
    rm -r t/d
    ln -s ../outside t/d # a tracked directory has become a link
    rows
    mirror 0 out t --max-delete 100
    is "$(tree outside)" 'a=mine '
    rm -r t/.mirror_dir
    ln -s ../outside t/.mirror_dir
    rows a=1
    mirror 1 out t
    mirror 1 in t
    is "$(tree outside)" 'a=mine '
}

a_tree_that_would_lose_too_much_is_left_as_it_is() {
    rows a=1 b=2 c=3
    mirror 0 out t
    rows c=4
    mirror 1 out t
    says '2 of 3 entries would be deleted'
    is "$(tree t)" 'a=1 b=2 c=3 '
    mirror 0 out t --max-delete 67
    is "$(tree t)" 'c=4 '
}

dry_runs_do_nothing() {
    rows a=1 d/b=2
    mirror 0 out t --dry-run
    is "$said" '+ d/
+ a
+ d/b'
    is "$(ls -A t)" ''
    mirror 0 out t
    rows a=2 c=3
    find t -printf '%p %i %T@ %C@\n' | sort >before
    mirror 0 out t --dry-run
    says '- d/b' '- d/' '~ a' '+ c'
    find t -printf '%p %i %T@ %C@\n' | sort >after
    cmp before after
    echo -n 4 >t/a
    mirror 0 in t --dry-run
    says '~ ["a"]' '+ ["d/b"]' '- ["c"]' '1 inserted, 1 updated, 1 deleted'
    holds 'a=2 c=3' "SELECT group_concat(path || '=' || content, ' ') FROM files"
}

in_makes_changes_and_deletes_rows() {
    sql 'DROP TABLE files' # it is made
    mkdir -p t/d/e t/none
    echo -n 1 >t/a
    echo -n 2 >t/d/e/b
    : >t/d/empty
    mirror 1 in t --dry-run # which makes no table
    mirror 0 in t
    says '3 files, 3 inserted'
    holds 'a=1 d/e/b=2 d/empty=' "SELECT group_concat(path || '=' || content, ' ') FROM files"
    mirror 0 in t
    says '0 inserted, 0 updated, 0 deleted, 3 unchanged'
    echo -n 3 >t/a
    echo -n 4 >t/a.txt
    rm t/d/empty
    ln -s a t/link
    mkfifo t/pipe
    echo -n 5 >"t/$(printf '\xff')"
    mirror 0 in t
    says '1 inserted, 1 updated, 1 deleted' 'link is left out' 'pipe is left out' 'is left out: its name'
    holds 'a=3 a.txt=4 d/e/b=2' "SELECT group_concat(path || '=' || content, ' ') FROM files"
    rm -r t/a t/d
    mirror 1 in t
    says "2 of 3 rows were not declared; nothing was deleted"
    rm -r t/.mirror_dir # without its store it does the same
    mirror 0 in t --max-delete 100
    holds 'a.txt=4' "SELECT group_concat(path || '=' || content, ' ') FROM files"
}

a_tree_that_cannot_be_read_deletes_no_row() {
    echo -n 1 >t/a
    mkdir t/d
    echo -n 2 >t/d/b
    mirror 0 in t
    chmod 0 t/d
    if [ -r t/d ]; then chmod 700 t/d; return 0; fi # root reads everything
    mirror 1 in t --max-delete 100
    chmod 700 t/d
    holds 2 'SELECT count(*) FROM files'
}

a_tree_comes_back_from_the_table_as_it_was() {
    mkdir -p t/x/y u
    head -c 300000 /dev/urandom >t/x/y/big
    head -c 5000 /dev/urandom >t/x/small
    : >t/empty
    mirror 0 in t
    mirror 0 out u
    diff -r --exclude=.mirror_dir t u
    mirror 0 in u
    says '0 inserted, 0 updated, 0 deleted'
}

a_store_that_is_none_is_refused() {
    mkdir t/.mirror_dir
    echo "my own file, not a store" >t/.mirror_dir/out
    rows a=1
    mirror 1 out t
    says 'is not such a store'
    is "$(tree t)" ''
    grep -q 'my own' t/.mirror_dir/out
}

a_run_killed_anywhere_is_finished_by_the_next_one() {
    local at status
    for ((at = 1; ; at++)); do
        rm -rf t
        mkdir t
        rows a=1 d/b=2 d/e/c=3 k=4
        mirror 0 out t
        echo -n mine >t/own
        rows a=changed x/b=2 d/e/c=3
        status=0
        DIE_AT=$at "$program" out t --database "$db" --max-delete 100 >log 2>&1 || status=$?
        [ "$status" = 0 ] && [ "$at" -gt 20 ] && break
        [ "$status" = 137 ] || { echo "$at: $status"; cat log; return 1; }
        grep -qx -e 1 -e changed <(cat t/a; echo)
        if [ $((at % 2)) = 1 ]; then
            mirror 0 out t --max-delete 100
            is "$(tree t)" 'a=changed d/e/c=3 own=mine x/b=2 '
        else # or something else is wanted meanwhile
            rows a=1 d/b=2
            mirror 0 out t --max-delete 100
            is "$(tree t)" 'a=1 d/b=2 own=mine '
        fi
    done
    is "$(tree t)" 'a=changed d/e/c=3 own=mine x/b=2 '
}

a_killed_run_of_in_is_finished_by_the_next_one() {
    local at status
    for ((at = 1; ; at++)); do
        rm -rf t
        mkdir t
        echo -n "$at" >t/a
        echo -n 2 >"t/b$((at % 2))"
        status=0
        DIE_AT=$at "$program" in t --database "$db" --max-delete 100 >log 2>&1 || status=$?
        [ "$status" = 0 ] && [ "$at" -gt 3 ] && break
        [ "$status" = 137 ] || { echo "$at: $status"; cat log; return 1; }
        mirror 0 in t --max-delete 100
        holds "a=$at b$((at % 2))=2" "SELECT group_concat(path || '=' || content, ' ') FROM files"
    done
}

the_command_line_is_checked() {
    local line
    for line in '' out 'in' 'up t' 'out t u' 'out t --colour' 'out t --max-delete 0' 'out t --max-delete x' \
        'in nowhere'; do
        # shellcheck disable=SC2086
        mirror 1 $line
        says mirror_dir
    done
}

for name in $(declare -F | cut -d' ' -f3); do
    case $name in
    mirror | says | sql | holds | rows | tree | is | test_run) ;;
    *) [[ $name != ${ONLY:-*} ]] || test_run "$name" ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
