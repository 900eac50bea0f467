# Broken: an unchanged row writes nothing.
# Shows: behaviour:test_an_unchanged_second_run_writes_nothing
/^D1T.*[ *]d1t__write_upsert\(/,/^\}/ s/d1t__write_on_write\(w, t, ",~=\(!\)"\);/& return;/
