# Broken: callbacks may not call into the client.
# Shows: unit/client
/^D1T.*[ *]d1t__enter\(/,/^\}/ s/if \(db->busy \|\| db->reserved \|\| db->task\.active\)/if ((db->reserved || db->task.active) \&\& !db->busy)/
