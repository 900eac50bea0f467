# Broken: a changed value changes the fingerprint.
# Shows: unit/sync
/^D1T.*[ *]d1t__lane_take\(/,/^\}/ s/d1t_bytes\(text, row->size\), print/d1t_bytes(text, row->key), print/
