# Broken: a dry run writes nothing.
# Shows: unit/sync
/^D1T.*[ *]d1t__sync_writes\(/,/^\}/ s/== D1T_SYNC_APPLY/!= D1T_SYNC_VERIFY/
