#!/usr/bin/env bash
# size.sh  Lines of d1target.h per section and room, beside the room's budget, and what each room adds to the text.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/size
budget='front 220 base 2600 model 620 wire 800 exchange 700 planning 2700 client 1700 contracts 2600 bulk 450
    drivers 1200 tail 60'

text_up_to() { # ROOM: bytes of text with everything below it cut away
    awk -v keep="$1" -f tests/compile/rooms.awk d1target.h >build/size/cut.h
    "${CC:-cc}" -Os -DD1TARGET_IMPLEMENTATION -x c -c build/size/cut.h -o build/size/cut.o
    size build/size/cut.o | awk 'NR == 2 { print $1 }'
}

printf '%-10s %-14s %7s %7s %9s\n' room section lines budget 'text -Os'
before=0
awk '
    /^#ifndef D1TARGET_H_INCLUDED/ { room = "base"; tag = "-" }
    /^ *ROOM / { room = $2; sub(":", "", room); tag = "-" }
    /^\/\* ---- >>/ { tag = substr($3, 3) }
    /^#endif .* D1TARGET_IMPLEMENTATION_INCLUDED/ { room = "tail"; tag = "-" }
    { if (room == "") { room = "front"; tag = "-" } }
    !((room, tag) in lines) { order[++count] = room SUBSEP tag }
    { lines[room, tag]++ }
    END { for (i = 1; i <= count; i++) { split(order[i], k, SUBSEP); print k[1], k[2], lines[order[i]] } }' d1target.h >build/size/lines
for room in front base model wire exchange planning client contracts bulk drivers tail; do
    sum=$(awk -v room="$room" '$1 == room { n += $3 } END { print n + 0 }' build/size/lines)
    [ "$sum" -gt 0 ] || continue
    text=
    if [ $room != front ] && [ $room != tail ]; then
        now=$(text_up_to $room)
        text=$((now - before))
        before=$now
    fi
    awk -v room=$room '$1 == room && $2 != "-" { printf "%-10s %-14s %7d\n", "", $2, $3 }' build/size/lines
    printf '%-10s %-14s %7d %7s %9s\n' $room '' "$sum" "$(tr -s ' \n' '\n' <<<"$budget" | grep -A1 -x $room | tail -1)" "$text"
done
printf '%-10s %-14s %7d %7s %9s\n' total '' "$(wc -l <d1target.h)" 13600 "$before"
