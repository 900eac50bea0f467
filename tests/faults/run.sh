#!/bin/bash
# Builds each program of this folder with ASan and UBSan and runs it; secrets also plain at -O0 and -O2, because what
# an optimiser leaves out of a wipe shows only there. CC and BUILD may be set. Ends with "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."

cc=${CC:-cc}
out=${BUILD:-build}/faults
flags=(-std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual
       -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wpointer-arith -Werror)
sanitized=(-O1 -g -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined)
wrapped=(-DWRAPPED_BY_LINKER -Xlinker --wrap=free -Xlinker --wrap=realloc -Xlinker --wrap=malloc)
failed=0 passed=0
mkdir -p "$out"

# run NAME FLAGS...: builds tests/faults/NAME.c and runs it
run() {
    local name=$1 last good bad status=0
    shift
    echo "== $name $1"
    "$cc" "${flags[@]}" "$@" -o "$out/$name" "tests/faults/$name.c" -lsqlite3 -lcurl -lm
    "$out/$name" >"$out/$name.txt" 2>&1 || status=$?
    cat "$out/$name.txt"
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out/$name.txt" | tail -n 1)
    read -r good _ bad _ <<<"${last:-0 passed, 1 failed}"
    passed=$((passed + good))
    failed=$((failed + bad))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "$name ended with status $status"
        failed=$((failed + 1))
    fi
}

run bad_input "${sanitized[@]}"
run secrets "${sanitized[@]}"
run secrets -O0 "${wrapped[@]}"
run secrets -O2 "${wrapped[@]}"
run poison "${sanitized[@]}"
run faults "${sanitized[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
