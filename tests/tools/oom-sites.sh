#!/usr/bin/env bash
# oom-sites.sh PROGRAM ADDRESSES [HEADER]  Which places in the header's source that ask for memory were refused it: all
# have to be.
# PROGRAM was built without optimisation and not position-independent; ADDRESSES has a code address a line.
# A place is a line of the implementation that calls one of the functions below, which ask for memory or pass the wish
# on; those that define them are left out.
set -eu
program=$1 addresses=$2 header=${3:-d1target.h}
asks='\b(d1t__resize|d1t__grow|d1t__append|d1t_buffer_reserve|d1t_buffer_add|d1t_arena_take|d1t_arena_text'
asks+='|d1t__planner_take|d1t__text_end|d1t__keep_text|d1t__copy_text)\('
existing=$(mktemp) reached=$(mktemp)
trap 'rm -f "$existing" "$reached"' EXIT
sed '1,/^#ifdef D1TARGET_IMPLEMENTATION/s/.*//' "$header" | grep -nE "$asks" |
    grep -vE '^[0-9]+:(D1TDEF|D1T__PRIVATE)|d1t__resize\(a, p, size, 0\)' | cut -d: -f1 | sort >"$existing"
addr2line -e "$program" <"$addresses" | sed -nE 's/^.*d1target\.h:([0-9]+).*/\1/p' | sort -u >"$reached"
missed=$(comm -23 "$existing" "$reached" | sort -n)
for line in $missed; do
    echo "not reached: $header:$line:$(sed -n "${line}p" "$header")"
done
echo "figure: oom_sites $(comm -12 "$existing" "$reached" | wc -l) of $(wc -l <"$existing")"
[ -z "$missed" ]
