# Broken: deletes come after upserts.
# Shows: behaviour/behaviour
s/group_sort\[g\] = kind << 24/group_sort[g] = (2 - kind) << 24/
