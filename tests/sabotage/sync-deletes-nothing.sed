# Broken: rows that nobody declared go.
# Shows: unit/sync
/^D1T.*[ *]d1t__sync_is_due\(/,/^\}/ s/return l->gone > 0 \&\& d1t__sync_writes\(s\)/return false/
