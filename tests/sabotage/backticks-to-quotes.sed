# Broken: an unknown name is an error, not a string.
# Shows: unit/sql
/^D1T.*[ *]d1t_write_name\(/,/^\}/ s/'`'/'"'/
