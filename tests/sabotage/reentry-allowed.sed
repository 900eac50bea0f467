# Broken: callbacks may not call into the client.
# Shows: unit/client behaviour/behaviour
/ d1t__enter\(/,/^\}/ s/if \(db->busy \|\| db->task\.active\)/if (db->task.active \&\& !db->busy)/
