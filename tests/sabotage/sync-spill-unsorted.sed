# Broken: rows in any order are sorted, in the spill too.
# Shows: unit/sync
/^D1T.*[ *]d1t__spool_spill\(/,/^\}/ s/d1t__spool_sort\(s, l\)/D1T_OK/
