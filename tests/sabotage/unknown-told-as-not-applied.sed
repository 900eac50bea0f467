# Broken: an unknown outcome is told as one.
# Shows: unit/op
s/^( +op->outcome = .*)D1T_UNKNOWN : v\.outcome\);/\1D1T_NOT_APPLIED : v.outcome == D1T_UNKNOWN ? D1T_NOT_APPLIED : v.outcome);/
