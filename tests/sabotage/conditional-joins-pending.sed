# Broken: a conditional row on a pending key waits for it.
# Shows: unit/batch
/^D1T.*[ *]d1t__meets\(/,/^\}/ s/D1T__ADD_FLUSH/D1T__ADD_REPLACE/
