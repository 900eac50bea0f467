#!/usr/bin/env bash
# logged.sh NAME COMMAND…  Runs a test program into build/log/NAME.log and keeps its counts in build/log/NAME.count.
# Shows one line. If something failed, also the checks that did and the end of the log, and keeps them in
# build/log/NAME.short. A crash, or a program that does not count, is a failure.
set -eu
name=$1
shift
log=build/log/$name.log
mkdir -p build/log
status=0
timeout --kill-after=10 1200 "$@" >"$log" 2>&1 </dev/null || status=$?
# the total in the last line; else the sum of lines with a name before them
read -r passed failed < <(awk '{ last = $0 }
    match($0, /^[a-z_0-9-]+: [0-9]+ passed, [0-9]+ failed$/) { p += $2; f += $4; named = 1 }
    END {
        if (last ~ /^[0-9]+ passed, [0-9]+ failed$/) { split(last, n, " "); p = n[1]; f = n[3]; named = 1 }
        print named ? p " " f : "0 1"
    }' "$log")
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed $failed" >"build/log/$name.count"
if [ "$failed" -gt 0 ]; then
    {
        printf '%-24s SHORT: %s passed, %s failed, status %s; %s:\n' "$name" "$passed" "$failed" "$status" "$log"
        grep -anE '(^|/)[a-z_0-9]+\.[ch]:[0-9]+: ' "$log" | head -n 20 | sed 's/^/    /' || true
        tail -n 20 "$log" | sed 's/^/    /'
    } | tee "build/log/$name.short"
else
    printf '%-24s ok: %s passed in %s s\n' "$name" "$passed" "$SECONDS"
fi
