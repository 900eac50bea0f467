# Broken: what is not idempotent is not sent again after an unknown outcome.
# Shows: unit/op
s/\(v\.outcome != D1T_UNKNOWN \|\| op->idempotent \|\| op->read_only\)/true/
