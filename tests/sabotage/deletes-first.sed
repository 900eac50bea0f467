# Broken: deletes come after upserts.
# Shows: behaviour:test_a_unique_value_moves_from_a_deleted_row_and_its_children_too
s/d1t__group_sort\(b\)\[g\] = kind << 24/d1t__group_sort(b)[g] = (2 - kind) << 24/
