# Broken: NaN is refused.
# Shows: behaviour/behaviour
s/b->nan_policy != D1T_MAKE_NULL/0/
