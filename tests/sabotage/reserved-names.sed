# Broken: reserved names are refused.
# Shows: unit/sql
/^D1TDEF d1t_result d1t_check_name\(/,/^\}/ s/d1t__begins\(s, "_cf_"\)/false/
