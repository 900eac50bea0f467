#!/usr/bin/env bash
# freestanding.sh  The header without an operating system: wasm32 that needs four functions of libc, Cortex-M4 within
# its budgets of text, no .data and no .bss, no deep frame. Prints ok or short per line; fails if one is short.
set -eu
cd "$(dirname "$0")/../.."
tests/tools/need.sh clang=clang wasm-ld=lld arm-none-eabi-gcc=gcc-arm-none-eabi
CC=arm-none-eabi-gcc tests/tools/need.sh string.h=libnewlib-arm-none-eabi
out=build/seams/freestanding
mkdir -p "$out"
source=tests/seams/freestanding.c
failed=0

no_libc="-DD1T_NO_CURL -DD1T_NO_STDIO -DD1T_NO_ENV -DD1T_NO_MALLOC"
no_fpu=-DD1T_NO_FAST_FLOAT # the machine has no doubles in hardware
write_only=$no_libc
for part in PLAN QUERY TABLE_JSON PROBE ERRSTR FLOAT CHECK TIME WIDE PARK AROUND META UPDATE TYPES FAST_TEXT EVENT RUN; do
    write_only="$write_only -DD1T_NO_$part"
done

verdict() { # VALUE LIMIT NAME: prints it, and remembers a failure
    if [ "$1" -le "$2" ]; then
        echo "ok     $3: $1 (limit $2)"
    else
        echo "short  $3: $1 (limit $2)"
        failed=1
    fi
    echo "figure: $4 $1"
}

# wasm32: linked with nothing but the four allowed; every function is kept. Then once without them, which must fail:
# else this shows nothing.
builtins="-DD1T_MEMCPY=__builtin_memcpy -DD1T_MEMMOVE=__builtin_memmove -DD1T_MEMSET=__builtin_memset"
clang --target=wasm32 -std=c99 -Oz -nostdlib -ffreestanding -DLEVEL=3 $no_libc $builtins \
    -DD1T_MEMCMP=__builtin_memcmp -c "$source" -o "$out/wasm.o"
printf '%s\n' memcpy memmove memset memcmp board_{send,status,header,receive,now} >"$out/allowed"
if wasm-ld --no-entry --no-gc-sections --allow-undefined-file="$out/allowed" "$out/wasm.o" -o "$out/d1target.wasm"; then
    echo "ok     wasm32: linked, undefined only memcpy memmove memset memcmp"
else
    echo "short  wasm32: needs more than memcpy memmove memset memcmp"
    failed=1
fi
if wasm-ld --no-entry --no-gc-sections "$out/wasm.o" -o "$out/none.wasm" 2>/dev/null; then
    echo "short  wasm32: links without the four, so that nothing was shown"
    failed=1
fi
echo "figure: wasm32_bytes $(wc -c <"$out/d1target.wasm")"

# Cortex-M4: what the linker keeps of header and compiler library; the board's own functions and the four of libc
# are stubs of a few bytes.
cat >"$out/board.c" <<'END'
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n) { (void)from; (void)n; return to; }
void *memmove(void *to, const void *from, size_t n) { (void)from; (void)n; return to; }
void *memset(void *to, int c, size_t n) { (void)c; (void)n; return to; }
int memcmp(const void *a, const void *b, size_t n) { return a == b && n; }
void board_send(const void *bytes, size_t n) { (void)bytes; (void)n; }
int board_status(void) { return 0; }
int board_header(const char **name, const char **value) { return name == value; }
size_t board_receive(void *bytes, size_t cap) { return bytes == NULL ? cap : 0; }
unsigned long long board_now(void) { return 0; }
END
cortex="-std=c99 -mcpu=cortex-m4 -mthumb -Os -ffunction-sections -fdata-sections -ffreestanding"
arm-none-eabi-gcc $cortex -fno-builtin -c "$out/board.c" -o "$out/board.o"

measure() { # NAME LEVEL LIMIT LINKER FLAGS...
    local name=$1 level=$2 limit=$3 gc=$4 text data bss
    shift 4
    arm-none-eabi-gcc $cortex -fstack-usage -DLEVEL="$level" "$@" -c "$source" -o "$out/$name.o"
    arm-none-eabi-gcc $cortex -nostdlib -Wl,--entry=board_main $gc "$out/$name.o" "$out/board.o" -lgcc \
        -o "$out/$name.elf"
    read -r text data bss _ < <(arm-none-eabi-size "$out/$name.elf" | tail -1)
    verdict "$text" "$limit" "Cortex-M4 text, $name" "cortex_m4_text_$name"
    verdict "$((data + bss))" 0 "Cortex-M4 .data + .bss, $name" "cortex_m4_data_bss_$name"
}

measure write_path 1 $((20 * 1024)) -Wl,--gc-sections $write_only
measure client 2 $((36 * 1024)) -Wl,--gc-sections $no_libc $no_fpu
measure everything 3 $((64 * 1024)) -Wl,--no-gc-sections $no_libc $no_fpu

echo 'char client[sizeof(d1t_client)];' |
    arm-none-eabi-gcc $cortex -include d1target.h -x c -c - -o "$out/client_size.o"
echo "figure: cortex_m4_client_bytes $((16#$(arm-none-eabi-nm -S "$out/client_size.o" | cut -d' ' -f2)))"

# Frames of the header's functions; the program's own main holds the client and does not count.
frames=$(grep -h 'd1target.h' "$out/everything.su" | awk '{ n = split($1, f, ":"); print $2, f[n], $3 }' | sort -rn)
if grep -q dynamic <<<"$frames"; then
    echo "short  a frame of no fixed size: $(grep dynamic <<<"$frames" | head -1)"
    failed=1
fi
verdict "$(head -1 <<<"$frames" | cut -d' ' -f1)" 256 "Cortex-M4 deepest frame" cortex_m4_deepest_frame
head -5 <<<"$frames" | sed 's/^/       /'
exit $failed
