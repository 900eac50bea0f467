# Broken: control characters in the token are refused.
# Shows: unit/client
s/token\.p\[i\] < 0x21 \|\| token\.p\[i\] > 0x7E/0/
