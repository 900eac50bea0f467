# Broken: NaN is refused.
# Shows: behaviour:test_nan_is_refused
s/b->nan_policy != D1T_MAKE_NULL/0/
