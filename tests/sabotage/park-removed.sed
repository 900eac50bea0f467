# Broken: a unique value can move between rows.
# Shows: behaviour:test_unique_values_swap
/^D1T.*bool d1t__may_park\(/,/^\}/ s/return true;/return false;/
