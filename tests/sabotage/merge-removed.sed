# Broken: a partial row completes a pending one.
# Shows: behaviour:test_partial_rows_are_merged
/^D1T.*[ *]d1t__meets\(/,/^\}/ s/D1T__ADD_MERGE/D1T__ADD_REPLACE/
