#!/usr/bin/env bash
# oom-sites.sh PROGRAM ADDRESSES [HEADER]  Which places in the header's source that ask for memory were refused it.
# PROGRAM was built without optimisation and not position-independent; ADDRESSES has a code address a line.
# A place is a line of the implementation that calls one of the functions below; those that define them are left out.
# Sections that read SQL, plan, and serve targets fail every allocation in tests of their own (unit/table_sql, state and
# target; the planner has no such test yet): what PROGRAM does not reach there is printed, and does not count.
set -eu
program=$1 addresses=$2 header=${3:-d1target.h}
asks='\b(d1t__resize|d1t__grow|d1t_buffer_reserve|d1t_buffer_add|d1t_arena_take|d1t_arena_text)\('
elsewhere='>>(table_sql|schema_read|diff|rebuild|plan|setup|state|target) '
existing=$(mktemp) reached=$(mktemp) apart=$(mktemp)
trap 'rm -f "$existing" "$reached" "$apart"' EXIT
sed '1,/^#ifdef D1TARGET_IMPLEMENTATION/s/.*//' "$header" | grep -nE "$asks" |
    grep -vE '^[0-9]+:(D1TDEF|D1T__PRIVATE)|d1t__resize\(a, p, size, 0\)' | cut -d: -f1 | sort >"$existing"
addr2line -e "$program" <"$addresses" | sed -nE 's/^.*d1target\.h:([0-9]+).*/\1/p' | sort -u >"$reached"
awk -v apart="$elsewhere" '/^\/\* ---- >>/ { inside = $0 ~ apart } inside { print FNR }' "$header" | sort >"$apart"
missed=$(comm -23 "$existing" "$reached")
for line in $(sort -n <<<"$missed"); do
    echo "not reached: $header:$line:$(sed -n "${line}p" "$header")"
done
missed=$(comm -23 <(sort <<<"$missed") "$apart" | sed '/^$/d')
echo "figure: oom_sites $(comm -12 "$existing" "$reached" | wc -l) of $(wc -l <"$existing")"
[ -z "$missed" ]
