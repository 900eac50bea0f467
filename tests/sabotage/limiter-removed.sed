# Broken: the rate of the account is kept.
# Shows: unit/client
s/limited = op->exchange->limiter \? .*: now_ms;/limited = now_ms;/
