# Broken: a record is not valid before all rows of its bucket are in D1.
# Shows: sync/crash
/^D1T.*[ *]d1t__sync_before\(/,/^\}/ s/d1t_int\(!whole\)/d1t_int(0)/
