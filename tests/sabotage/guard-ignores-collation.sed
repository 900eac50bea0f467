# Broken: a change of case in a NOCASE column is written.
# Shows: behaviour:test_collated_columns_see_a_change_of_case_and_blanks
s/if \(collated\) d1t_write_text/if (0) d1t_write_text/
