# Broken: A rebuild of an AUTOINCREMENT table gives ids of deleted rows again.
# Shows: unit/setup
s/^    if \(!\(t->flags \& item->from->flags \& D1T_AUTOINCREMENT\) \|\| !name\) return;$/    if (item) return;/
