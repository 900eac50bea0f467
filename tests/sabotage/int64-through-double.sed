# Broken: int64 is exact.
# Shows: behaviour:test_int64_extremes_are_exact_by_read
/^D1T.*[ *]d1t__encode_int\(/,/^\}/ s/d1t_write_int\(w, v\)/d1t_write_int(w, (int64_t)((uint64_t)v \& ~(uint64_t)7u))/
