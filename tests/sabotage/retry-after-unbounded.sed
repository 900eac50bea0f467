# Broken: Retry-After is clamped.
# Shows: unit/op
s/if \(told > r->retry_after_ms\) told = r->retry_after_ms;//
