# Broken: a run that was interrupted before it deleted is finished by the next one.
# Shows: sync/crash
/^D1T.*[ *]d1t__old_row\(/,/^\}/ s/r\.clean = v\[2\]\.u\.i == 0 &&/r.clean =/
