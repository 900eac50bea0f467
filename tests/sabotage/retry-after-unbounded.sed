# Broken: Retry-After is clamped.
# Shows: unit/op
s/return told > op->exchange->retry\.retry_after_ms \? .*: told;/return told;/
