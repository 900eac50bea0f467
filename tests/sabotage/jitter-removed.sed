# Broken: backoff is random.
# Shows: unit/op
s/wait = \(d1t__random\(&op->exchange->random\) >> 32\) \* \(range \+ 1\) >> 32;/wait = range;/
