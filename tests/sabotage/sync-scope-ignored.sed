# Broken: what is outside of the scope is left alone.
# Shows: sync/producers
/^D1T.*[ *]d1t__write_in_bucket\(/,/^\}/ s/d1t__write_scope\(w, l, true\)/d1t_write_text(w, "1")/
