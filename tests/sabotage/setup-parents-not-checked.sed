# Broken: Rows that would be left without a parent are refused without the name of their table.
# Shows: unit/setup
s/^    d1t__check_parents\(p, item->name\);$/    (void)0;/
