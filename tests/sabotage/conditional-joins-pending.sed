# Broken: a conditional row on a pending key waits for it.
# Shows: behaviour:test_a_condition_on_a_pending_row_sees_that_row
/ d1t__meets\(/,/^\}/ s/D1T__ADD_FLUSH/D1T__ADD_REPLACE/
