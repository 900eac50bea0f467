# Broken: an unknown name is an error, not a string.
# Shows: behaviour:test_an_index_on_a_misspelt_column_is_an_error
/ d1t_write_name\(/,/^\}/ s/'`'/'"'/
