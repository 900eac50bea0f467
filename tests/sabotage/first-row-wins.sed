# Broken: of two rows with one key the last one wins.
# Shows: behaviour:test_the_last_row_of_a_key_wins_within_a_batch
/^D1T.*[ *]d1t__meets\(/,/^\}/ s/D1T__ADD_REPLACE/D1T__ADD_DROP/
