#!/usr/bin/env bash
# logged.sh NAME COMMAND…  Runs a test program into build/log/NAME.log and keeps its counts in build/log/NAME.count.
# Shows one line, or the end of the log if something failed. A crash, or a program that does not count, is a failure.
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
    printf '%-24s SHORT: %s passed, %s failed, status %s; %s ends:\n' "$name" "$passed" "$failed" "$status" "$log"
    tail -n 40 "$log" | sed 's/^/    /'
else
    printf '%-24s ok: %s passed in %s s\n' "$name" "$passed" "$SECONDS"
fi
