# Broken: the rate of the account is kept.
# Shows: unit/op
s/limited = op->exchange->limiter \? .*: now_ms;/limited = now_ms;/
