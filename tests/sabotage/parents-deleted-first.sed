# Broken: children are deleted before their parents.
# Shows: behaviour:test_parents_are_written_first_and_deleted_last_whatever_the_order_of_calls
s/if \(kind == D1T_WRITE_DELETE\) rank = 255 - rank;//
