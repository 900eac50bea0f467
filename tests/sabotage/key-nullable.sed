# Broken: key columns are NOT NULL.
# Shows: unit/table
/^D1T.*bool d1t__not_null\(/,/^\}/ s/D1T_KEY \| //
