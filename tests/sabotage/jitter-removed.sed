# Broken: backoff is random.
# Shows: unit/op
s/wait = d1t__random\(&op->exchange->random\) % \(range \+ 1\);/wait = range;/
