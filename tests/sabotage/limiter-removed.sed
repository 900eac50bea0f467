# Broken: the rate of the account is kept.
# Shows: unit/limiter
s/limited = op->exchange->limiter \? .*: now_ms;/limited = now_ms;/
