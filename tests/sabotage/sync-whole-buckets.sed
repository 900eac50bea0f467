# Broken: with a store only the rows that changed are sent.
# Shows: sync/large:store
/^D1T.*[ *]d1t__bucket_compare\(/,/^\}/ s/l->complete = l->matched &&/l->complete = false \&\&/
