# Broken: retries have a budget.
# Shows: unit/op
s/op->exchange->budget -= price;//
