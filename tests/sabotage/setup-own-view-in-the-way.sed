# Broken: A view that the teardown of a command drops keeps its table from being dropped.
# Shows: unit/setup
s/ \&\& !d1t__is_torn_down\(p, o\)\)$/)/
