# Broken: after an error later calls do nothing.
# Shows: unit/client
/^D1T.*[ *]d1t__enter\(/,/^\}/ s/if \(db->error\.code != D1T_OK\) return db->error\.code;//
