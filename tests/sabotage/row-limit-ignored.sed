# Broken: a row over the limit is refused before it is sent.
# Shows: behaviour:test_a_row_at_the_limit_of_a_stored_row
s/if \(stored <= b->limits->row\) return D1T_OK;/if (stored) return D1T_OK;/
