# Broken: a change of case in a NOCASE column is written.
# Shows: behaviour:test_collated_columns_see_a_change_of_case_and_blanks
s/d1t_write_text\(w, " COLLATE BINARY"\);/(void)w;/
