# Broken: a bucket that is as recorded is not sent.
# Shows: unit/sync
/^D1T.*[ *]d1t__bucket_close\(/,/^\}/ s/if \(!l->matched \|\|/if (true || !l->matched ||/
