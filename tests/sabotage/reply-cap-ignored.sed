# Broken: a reply is capped.
# Shows: unit/op
s/op->received > op->exchange->max_reply/0/
