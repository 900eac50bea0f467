# Broken: Retry-After is obeyed.
# Shows: unit/op
s/return told > wait \? told : wait;/return wait;/
