# Broken: a request is tried a limited number of times.
# Shows: unit/op
s/op->attempt < x->retry\.attempts/true/
