# show.sh  The common part of show-NAME.sh, which sources it at its end, in the project's folder, with $items ("NAME: what
# it shows" a line) and a function item_NAME for each, and is given [ITEM...] as its arguments.
logs=$PWD/build/show

run() { # ITEM WHAT: one line
    local log=$logs/$1.log verdict=ok figures
    # In a shell of its own: set -e does not hold inside a condition.
    "$0" --measure "$1" >"$log" 2>&1 </dev/null || verdict=short
    ! grep -aqE '^[0-9]+ passed, [1-9][0-9]* failed$' "$log" || verdict=short
    figures=$(sed -nE 's/^figure: //p; s/^([0-9]+ passed, [0-9]+ failed)$/\1/p' "$log" | paste -sd ';' | sed 's/;/; /g')
    printf '%-5s %-14s %s: %s\n' "$verdict" "$1" "$2" "${figures:-no figure, see $log}"
    [ $verdict = ok ]
}

if [ "${1-}" = --measure ]; then
    "item_${2//-/_}"
    exit
fi
mkdir -p "$logs"
short=0
while IFS=: read -r name what; do
    [ -n "$name" ] || continue
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    run "$name" "$(sed 's/^ *//' <<<"$what")" || short=$((short + 1))
done <<<"$items"
[ $short -eq 0 ] || echo "$short short"
[ $short -eq 0 ]
