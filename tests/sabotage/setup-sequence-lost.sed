# Broken: A table with AUTOINCREMENT that is made anew goes on counting where it was.
# Shows: setup/cascade
s/^    if \(!\(t->flags & item->from->flags & D1T_AUTOINCREMENT\) \|\| !name\) return;$/    if (t) return;/
