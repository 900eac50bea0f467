#!/usr/bin/env bash
# docs.sh  Is what README.md and docs/ say true? Every C block compiles, the programs of README.md and docs/sync.md run,
# every result code of the header and every message of its classification table is explained, and links lead somewhere.
# Marks of C blocks: ```c a whole program; ```c declarations, at file scope; ```c fragment, inside a function. The last
# two see tests/support/docs.h.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/docs
passed=0 failed=0
pages=(README.md docs/*.md)
strict=(-std=c99 -Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef
    -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wpointer-arith -Werror -Wno-unused)

check() { # WHAT COMMAND…
    local what=$1
    shift
    if "$@" >"$out/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "SHORT: $what"
        sed 's/^/    /' "$out/log"
    fi
}

extract() { # PAGE: its blocks as build/docs/PAGE-LINE.c, errors pointing at the page
    awk -v page="$1" -v out="$out/$(basename "$1" .md)" '
        function begin(mark) {
            file = out "-" NR ".c"
            if (mark != "c") print "#include \"tests/support/docs.h\"" >file
            if (mark == "c fragment") print "void fragment(void);\nvoid fragment(void) {" >file
            print "#line " NR + 1 " \"" page "\"" >file
        }
        file == "" && /^```c( |$)/ { mark = substr($0, 4); begin(mark); next }
        file != "" && /^```$/ { if (mark == "c fragment") print "}" >file; close(file); file = ""; next }
        file != "" { print >file }
        /^```c / && mark != "c fragment" && mark != "c declarations" { print page ":" NR ": unknown mark"; exit 1 }
        END { if (file != "") { print page ": a block has no end"; exit 1 } }' "$1"
}

arrives() { # PROGRAM.c ROWS: they do, over real HTTP
    local url server
    "${CC:-cc}" "${strict[@]}" -I. -o "$out/program" "$1" -lcurl
    rm -f "$out"/d1.sqlite*
    coproc SERVER { exec "$out/server" --file "$out/d1.sqlite" --until-eof; }
    server=$SERVER_PID
    read -r _ _ url <&"${SERVER[0]}"
    env CLOUDFLARE_ACCOUNT_ID=0123456789abcdef0123456789abcdef CLOUDFLARE_API_TOKEN=token \
        CLOUDFLARE_DATABASE_ID=00000000-0000-0000-0000-000000000000 CLOUDFLARE_API_BASE_URL="$url/client/v4" \
        "$out/program" || echo "the program failed"
    eval "exec ${SERVER[1]}>&-"
    wait "$server"
    [ "$(sqlite3 "$out/d1.sqlite" 'SELECT path, name, line FROM symbols ORDER BY 1, 2')" = "$2" ]
}

rm -rf "$out"
mkdir -p "$out"
for page in "${pages[@]}"; do check "$page: its blocks" extract "$page"; done
for block in "$out"/*.c; do check "$block compiles" "${CC:-cc}" "${strict[@]}" -I. -fsyntax-only "$block"; done

"${CC:-cc}" -O1 -o "$out/server" examples/local_d1_server.c -lmicrohttpd -lsqlite3
for program in "$out"/README-*.c examples/quickstart.c; do
    check "$program sends its row" arrives "$program" 'main.c|main|7'
done
for program in $(grep -l '^int main' "$out"/sync-*.c); do
    check "$program sends its rows" arrives "$program" $'main.c|help|3\nmain.c|main|7'
done

sed -n 's/^    X(\(D1T_[A-Z0-9_]*\),.*/\1/p' d1target.h >"$out/codes"
check 'the result codes are found' grep -qx D1T_ERR_UNSUPPORTED "$out/codes"
while read -r code; do
    check "docs/troubleshooting.md explains $code" grep -q "^| \`$code\` |" docs/troubleshooting.md
done <"$out/codes"
sed -n '/^static const d1t__message_rule d1t__message_rules\[\]/,/^};/s/^ *{"\([^"][^"]*\)".*/\1/p' d1target.h >"$out/messages"
check 'the classification table is found' test -s "$out/messages"
while read -r message; do
    check "docs/troubleshooting.md has the message: $message" grep -qF "$message" docs/troubleshooting.md
done <"$out/messages"

for page in "${pages[@]}"; do
    while read -r target; do
        check "$page: the link to $target" test -e "$(dirname "$page")/$target"
    done < <(sed -nE 's/.*\]\(([^):#]+)[)#].*/\1/p' "$page" | sort -u)
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
