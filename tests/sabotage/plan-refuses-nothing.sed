# Broken: a difference that needs a rebuild is refused.
# Shows: behaviour:test_changes_that_cannot_keep_data_are_refused
/^D1T.*[ *]d1t__plan_refuse\(/,/^\}/ s/return d1t__plan_add\(.*$/(void)parts; (void)plan; (void)t; return D1T_OK;/
