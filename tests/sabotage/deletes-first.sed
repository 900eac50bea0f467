# Broken: deletes come after upserts.
# Shows: behaviour:test_a_unique_value_moves_from_a_deleted_row_and_its_children_too
s/group_sort\[g\] = kind << 24/group_sort[g] = (2 - kind) << 24/
