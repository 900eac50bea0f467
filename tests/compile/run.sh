#!/usr/bin/env bash
# run.sh [HEADER]  Header hygiene: what any program that includes d1target.h may count on.
# ONLY=name_of_a_check runs that one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
header=${1:-$root/d1target.h}
work=$root/build/compile
rm -rf "$work"
mkdir -p "$work"
cp "$header" "$work/d1target.h"
cd "$work"
passed=0 failed=0

check() { # NAME COMMAND…: passes if COMMAND is successful and silent
    local out
    [ -z "${ONLY-}" ] || [ "${1// /_}" = "$ONLY" ] || return 0
    if out=$("${@:2}" 2>&1) && [ -z "$out" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'short: %s\n%s\n' "$1" "$(head -15 <<<"$out")"
    fi
}

common=(-I. -Wall -Wextra -Werror -pedantic-errors -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef
    -Wdouble-promotion -Wpointer-arith -Wfloat-equal -Wredundant-decls -Wformat=2 -Wvla -Wwrite-strings
    -Wmissing-declarations -Wdate-time)
c_only=(-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wbad-function-cast -Wnested-externs -Wc++-compat)
# Not -Wswitch-enum and -Wswitch-default: a default for libcurl's hundred codes; none for our own, so that -Wswitch helps.
gcc_strict=("${common[@]}" -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wcast-align=strict -Walloca
    -Wunused-macros -Wtrampolines -Wimplicit-fallthrough=5)
# Not -Wpadded: layout is no fault. Not -Wused-but-marked-unused: private functions are marked for builds that leave
# their callers out. Not -Wdisabled-macro-expansion: libcurl's own macros. Not -Wswitch-enum: see above.
clang_c=("${common[@]}" -Weverything -Wno-padded -Wno-used-but-marked-unused -Wno-disabled-macro-expansion
    -Wno-switch-enum)
# Nor in C++ what tells C from C++: old casts, NULL, views of arrays.
clang_cxx=("${common[@]}" -Wcomma -Wshadow-all -Wunreachable-code -Wextra-semi-stmt -Wcast-align -Wdocumentation
    -Wconditional-uninitialized -Wimplicit-fallthrough -Wassign-enum -Wcovered-switch-default)
cxx_only=(-x c++ -fno-exceptions -fno-rtti)

program() { gcc "${common[@]}" "$@" -lcurl -lsqlite3 -lm -o program && ./program; }
symbols() { nm "$@" implementation.o | awk '{ print $NF }'; }
build() { "${1}" -I. "${@:2}" -c "$here/implementation.c" -o implementation.o; }
front() { sed '/^#ifndef D1TARGET_H_INCLUDED/,$d' d1target.h; }
declarations() { sed '1,/^#ifndef D1TARGET_H_INCLUDED/d; /^#endif .* D1TARGET_H_INCLUDED/,$d' d1target.h; }
declared() { declarations | grep -oE '^D1TDEF [^;(]*\(' | grep -oE 'd1t_\w+\($' | tr -d '(' | sort -u; }
flags=$(front | grep -oE '^ +D1T_NO_\w+' | tr -d ' ')

# -- 1 to 3: including and linking
check 'four times the declarations, twice the implementation' program "$here/include_many.c"
check 'two files of a program' program "$here/two_user.c" "$here/implementation.c"
check 'private copies beside foreign symbols' program "$here/static_one.c" "$here/static_two.c" "$here/static_clash.c"

# -- 4 and 5: symbols and sections
allowed() { # the symbols that a build without the given flags may need
    echo memcpy memmove memset memcmp
    [[ $* != *-O2* ]] || echo strlen # compilers see it in loops; -ffreestanding stops that
    [[ $* == *D1T_NO_MALLOC* ]] || echo malloc realloc free
    [[ $* == *D1T_NO_STDIO* ]] || echo fputs fputc
    [[ $* == *D1T_NO_ENV* ]] || echo getenv
    [[ $* == *D1T_NO_CURL* ]] ||
        echo curl_easy_{init,cleanup,perform,setopt,getinfo,strerror} clock_gettime gettimeofday select
}
needs_only_what_it_says() {
    build gcc "$@" && comm -13 <(allowed "$@" | tr ' ' '\n' | sort) <(symbols -u | sort)
}
exports_only_d1t() { build gcc && symbols -g --defined-only | grep -v '^d1t_'; [ $? -eq 1 ]; }
static_exports_nothing() { build gcc -DD1T_STATIC && symbols -g --defined-only; }
defines_what_it_declares() { build gcc && comm -3 <(declared) <(symbols -g --defined-only | sort); }
has_no_data() { # literally: what relocation makes writable in position-independent code is not data
    build gcc -Os && size -A implementation.o | awk '($1 == ".data" || $1 == ".bss") && $2 { print }' &&
        build gcc -Os -fno-pic && size implementation.o | awk 'NR == 2 && $2 + $3 { print }' &&
        nm implementation.o | grep ' [bdCBD] '
    [ $? -eq 1 ]
}
check 'exported symbols begin with d1t_' exports_only_d1t
check 'D1T_STATIC exports nothing' static_exports_nothing
check 'every function that is declared is defined, and no other' defines_what_it_declares
check '.data and .bss are empty' has_no_data

# -- 6 to 8: standards and warnings
for std in c99 c11 c17 gnu99 gnu11 gnu17; do
    check "gcc $std" gcc "${gcc_strict[@]}" "${c_only[@]}" -std=$std -fsyntax-only "$here/implementation.c"
    check "clang $std" clang "${clang_c[@]}" "${c_only[@]}" -std=$std -fsyntax-only "$here/implementation.c"
done
for std in c++11 c++17 c++20; do
    check "g++ $std" g++ "${gcc_strict[@]}" "${cxx_only[@]}" -std=$std -c "$here/implementation.c" -o implementation.o
    check "clang++ $std" clang++ "${clang_cxx[@]}" "${cxx_only[@]}" -std=$std -fsyntax-only "$here/implementation.c"
done
check 'gcc, optimised' gcc "${gcc_strict[@]}" "${c_only[@]}" -std=c99 -O2 -Wnull-dereference -Wstrict-overflow=2 \
    -c "$here/implementation.c" -o implementation.o
"$root/tests/tools/public-calls.sh" d1target.h >public_calls # for oom.c; LEVEL for freestanding.c
for file in "$root"/examples/*.c "$root"/tests/{unit,behaviour,faults,seams,bench}/*.c; do
    for cc in gcc clang; do
        check "$cc ${file#"$root"/}" $cc -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -Wconversion \
            -Wsign-conversion -Wshadow -Wcast-qual -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion \
            -Wpointer-arith -DLEVEL=3 "-DPUBLIC_CALLS=\"$work/public_calls\"" -fsyntax-only "$file"
    done
done

# -- 9: among others
check 'after macros that are bare words' gcc "${common[@]}" -fsyntax-only "$here/after_macros.c"
check 'after them in C++' g++ "${common[@]}" "${cxx_only[@]}" -fsyntax-only "$here/after_macros.c"
check 'between other headers' program "$here/with_others.c"

# -- 10: every flag alone, all together
all=()
for flag in $flags; do
    all+=("-D$flag")
    check "$flag: gcc" gcc "${gcc_strict[@]}" "${c_only[@]}" -std=c99 "-D$flag" -fsyntax-only "$here/implementation.c"
    check "$flag: clang" clang "${clang_c[@]}" "${c_only[@]}" -std=c99 "-D$flag" -fsyntax-only "$here/implementation.c"
    check "$flag: needs only what it says" needs_only_what_it_says "-D$flag"
done
check 'no flag: needs only what it says' needs_only_what_it_says
check 'no flag, optimised: needs only what it says' needs_only_what_it_says -O2
check 'all flags: gcc' gcc "${gcc_strict[@]}" "${c_only[@]}" -std=c99 "${all[@]}" -fsyntax-only "$here/implementation.c"
check 'all flags: clang' clang "${clang_c[@]}" "${c_only[@]}" -std=c99 "${all[@]}" -fsyntax-only "$here/implementation.c"
check 'all flags: needs only what it says' needs_only_what_it_says "${all[@]}"
same_layout() {
    gcc -I. "$here/layout.c" -o with && gcc -I. "${all[@]}" "$here/layout.c" -o without && diff <(./with) <(./without)
}
check 'no flag changes a public struct' same_layout
code_and_table_name_the_same_flags() {
    comm -3 <(sort <<<"$flags") <(grep -E '^ *#' d1target.h | grep -oE 'D1T_NO_\w+' | sort -u)
}
check 'code and table name the same flags' code_and_table_name_the_same_flags

# -- 11 and 12: names and version
foreign_macros() {
    gcc -E -dD -I. "$here/implementation.c" |
        awk '/^# [0-9]+ "/ { ours = /d1target\.h"/ } ours && /^#define / { print $2 }' | grep -vE '^(D1T|d1t_)'
    [ $? -eq 1 ]
}
version=$(sed -n 's/^#define D1T_VERSION "\(.*\)"/\1/p' d1target.h)
number=$(sed -n 's/^#define D1T_VERSION_NUM \([0-9]*\)u/\1/p' d1target.h)
newest_change() { sed -n '/^CHANGELOG/,$s/^\([0-9][0-9.]*\) .*/\1/p' d1target.h | head -1; }
same_version() {
    [ "$(newest_change)" = "$version" ] || echo "changelog: $(newest_change), header: $version"
    grep -qF "$version" "$root/README.md" || echo "README.md does not name $version"
    awk -v n="$number" 'BEGIN { FS = "." } { exit $1 * 10000 + $2 * 100 + $3 != n }' <<<"$version" ||
        echo "D1T_VERSION_NUM is $number"
}
check 'every macro begins with D1T or d1t_' foreign_macros
check 'one version in header, changelog and README' same_version

# -- the house
tags() { grep -E '^/\* ---- >>' "$@" | grep -oE '>>\w+'; }
tags_agree() {
    diff <(front | sed -n '/^CONTENTS/,/^GUARANTEES/p' | grep -oE '>>\w+') <(declarations | tags) &&
        diff <(declarations | tags) <(grep '(implementation)' d1target.h | tags)
}
room_stands_alone() {
    awk -v keep="$1" -f "$here/rooms.awk" "$work/d1target.h" >"cut_$1.h" &&
        gcc "${gcc_strict[@]}" -Wno-unused-macros -Wno-unused -DD1TARGET_IMPLEMENTATION -x c -c "cut_$1.h" -o cut.o &&
        nm -u cut.o | grep d1t_
    [ $? -eq 1 ]
}
check 'contents list and banners name the same sections in the same order' tags_agree
for room in $(declarations | sed -n 's/^ *ROOM \([a-z]*\):.*/\1/p'); do
    check "$room compiles with everything below it cut away" room_stands_alone "$room"
done

long_lines() { LC_ALL=C.UTF-8 grep -nHE '^.{121,}' "$@"; [ $? -eq 1 ]; }
long_functions() { awk -f "$here/long_functions.awk" "$@"; }
sources=$(find "$root/examples" "$root/tests" -name '*.[ch]' -not -path '*/node_modules/*')
check 'no line over 120 columns' long_lines d1target.h $sources
check 'no function over 70 lines' long_functions d1target.h $sources
undocumented() { declarations | awk -f "$here/undocumented.awk"; }
check 'every public function is documented where it is declared' undocumented

echo "figure: text $(build gcc -O2 && size implementation.o | awk 'NR == 2 { print $1 }') bytes, x86-64 -O2"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
